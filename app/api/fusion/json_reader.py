"""Reads the JSON that Fusion's clients send, with the leniency that Fusion's servers have.

A member that is given twice with the same value counts once, since Fusion's servers write such
documents; with two values it is refused. What is read can be stored and written again: it has no
number that JSON or PostgreSQL cannot hold, no NUL and no half of a surrogate pair.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from app.domain.checks import member_name, quoted
from app.errors import InvalidMember, MalformedDocument

MAX_LEVELS: Final = 16

_MAX_DIGITS: Final = 18
_SHOWN: Final = 40
_MAX_PATH: Final = 300
_NAMES: Final = {
    dict: "an object",
    list: "an array",
    bool: "true or false",
    type(None): "null",
    int: "a number",
    float: "a number",
}
_FLAGS: Final = {"true": True, "false": False}


class _Contradiction:
    """The value of a member that is given with several values, until `_check` refuses it."""

    def __init__(self, one: object, other: object) -> None:
        self.one, self.other = one, other


def parse(body: bytes) -> dict[str, Any]:
    """The members of the one object in `body`; raises MalformedDocument and InvalidMember."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedDocument(
            f"The document is not UTF-8 (at byte {error.start}).", remedy="Send JSON in UTF-8."
        ) from None
    if not text.strip():
        raise MalformedDocument("The body is empty.", remedy="Send a JSON object.")
    try:
        value = _DECODER.decode(text.strip())
    except json.JSONDecodeError as error:
        raise MalformedDocument(
            f"The document is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).",
            remedy="Send one JSON object, nothing before or after it.",
        ) from None
    except RecursionError:
        raise _too_deep() from None
    if type(value) is not dict:
        raise MalformedDocument(
            f"The document is {describe(value)}, not an object.", remedy="Send a JSON object."
        )
    _check("", value, 0)
    return value


def describe(value: object) -> str:
    """What a JSON value is, in words. A preview gives numbers as a subclass of `str`."""
    if isinstance(value, str):
        return "a string" if type(value) is str else "a number"
    return _NAMES[type(value)]


def read_text(path: str, value: object) -> str:
    """A string; raises InvalidMember for `path`."""
    if not isinstance(value, str) or type(value) is not str:
        raise _wrong(path, value, "a string")
    return value


def read_flag(path: str, value: object) -> bool:
    """A boolean, or `"true"` or `"false"` in any case; raises InvalidMember for `path`."""
    if isinstance(value, bool):
        return value
    found = _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise _wrong(path, value, "true or false")
    return found


def read_object(path: str, value: object) -> dict[str, Any]:
    """An object; raises InvalidMember for `path`."""
    if not isinstance(value, dict):
        raise _wrong(path, value, "an object")
    return value


def require(members: Mapping[str, Any], name: str, *, path: str, remedy: str) -> Any:  # noqa: ANN401 - JSON holds anything
    """The value of a member that must be given and not be null; raises InvalidMember."""
    value = members.get(name)
    if value is None:
        raise InvalidMember(path, f"{path} is missing.", remedy=remedy)
    return value


def join_path(path: str, name: str) -> str:
    """The path of a member, its name escaped and shortened; a long path is cut in the middle."""
    shown = member_name(name)
    above = path if len(path) <= _MAX_PATH else f"{path[:_MAX_PATH]}..."
    return f"{above}.{shown}" if above else shown


def _wrong(path: str, value: object, wanted: str) -> InvalidMember:
    what = f"is {describe(value)}"
    if isinstance(value, str) and wanted == "true or false":
        what = f"is {quoted(value)}"
    return InvalidMember(path, f"{path} {what}, not {wanted}.", remedy=f"Give {wanted}.")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members and not _same(members[name], value):
            members[name] = _Contradiction(members[name], value)
        else:
            members[name] = value
    return members


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _check(path: str, value: object, level: int) -> None:
    """Refuse a value that could not be stored and written again; the refusal names its path."""
    if level > MAX_LEVELS:
        raise _too_deep()
    match value:
        case dict():
            for name, each in value.items():
                _check_text(join_path(path, name), name)
                _check(join_path(path, name), each, level + 1)
        case list():
            for number, each in enumerate(value):
                _check(f"{path}[{number}]", each, level + 1)
        case str():
            _check_text(path, value)
        case float() if not math.isfinite(value):
            raise InvalidMember(path, f"{path} is too large a number.", remedy="Leave it out.")
        case _Contradiction():
            raise InvalidMember(
                path,
                f"{path} is given twice, as {_shown(value.one)} and as {_shown(value.other)}.",
                remedy="Give it once, or with the same value each time.",
            )


def _check_text(path: str, value: str) -> None:
    if "\0" in value:
        raise InvalidMember(path, f"{path} contains a NUL character.", remedy="Remove it.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidMember(
            path,
            f"{path} contains half of a surrogate pair, which cannot be encoded.",
            remedy="Send whole characters.",
        ) from None


def _shown(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)[:_SHOWN]
    return "another value" if isinstance(value, _Contradiction) else describe(value)


def _too_deep() -> MalformedDocument:
    return MalformedDocument(
        "The document is nested too deeply.", remedy=f"Use at most {MAX_LEVELS} levels."
    )


def _integer(digits: str) -> int:
    if len(digits.removeprefix("-")) > _MAX_DIGITS:
        raise MalformedDocument(
            f"The document contains a number with {len(digits)} digits.",
            remedy=f"Use at most {_MAX_DIGITS} digits.",
        )
    return int(digits)


def _no_constant(name: str) -> NoReturn:
    raise MalformedDocument(
        f"The document contains {name}, which is not a JSON value.", remedy="Leave it out."
    )


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_constant=_no_constant
)
