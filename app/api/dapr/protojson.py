"""Reads JSON as Protocol Buffers do; each value stays the text that was sent until it is needed.

Source: the ProtoJSON format and google.golang.org/protobuf/encoding/protojson, which Dapr uses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

from app.domain.checks import quoted
from app.errors import MalformedDocument

MAX_MEMBERS: Final = 1000
MAX_UINT32: Final = 2**32 - 1
MAX_NUMBER: Final = 40

_BLANK: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?")
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
_REMEDY: Final = "Send one JSON object, in UTF-8."


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """The text of a value, and the name of its member."""

    member: str
    text: str

    @property
    def is_null(self) -> bool:
        """Whether it is null; that leaves every field but `data` unset."""
        return self.text == "null"

    @property
    def is_object(self) -> bool:
        """Whether it is an object."""
        return self.text.startswith("{")


def decode(body: bytes) -> str:
    """The text of a body; raises MalformedDocument where it is not valid UTF-8."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _malformed(f"the body is not UTF-8, at byte {error.start}") from None
    if _HALF.search(text) and _has_half(text):
        raise _malformed("half of a surrogate pair stands alone in a string")
    return text


def members(text: str, fields: Mapping[str, str], within: str = "") -> dict[str, Written]:
    """The values in a text that is one object, by field.

    `fields` maps every spelling of a member's name to its field; unknown members are ignored.
    Raises MalformedDocument for a text that is not an object, or that sets a field twice.
    """
    found: dict[str, Written] = {}
    try:
        for name, value in _pairs(text, fields):
            field = fields.get(name)
            if field is None:
                continue
            member = f"{within}{name}"
            if field in found:
                raise _malformed(f"duplicate field {quoted(member)}")
            found[field] = Written(member=member, text=value)
    except json.JSONDecodeError as error:
        raise _malformed(
            f"syntax error (line {error.lineno}, column {error.colno}): {error.msg}"
        ) from None
    except RecursionError:
        raise _malformed("the values are nested too deeply") from None
    return found


def string(value: Written) -> str:
    """The value of a string; raises MalformedDocument."""
    if not value.text.startswith('"'):
        raise wrong(value, "string")
    text: str = json.loads(value.text)
    return text


def flag(value: Written) -> bool:
    """The value of `true` or `false`; raises MalformedDocument for any other text."""
    if value.text not in {"true", "false"}:
        raise wrong(value, "bool")
    return value.text == "true"


def uint32(value: Written) -> int:
    """An integer below 2^32, as 5, 5.0 or 50e-1, or as a string; raises MalformedDocument."""
    text = string(value) if value.text.startswith('"') else value.text
    if len(text) <= MAX_NUMBER and _NUMBER.fullmatch(text):
        number = Decimal(text)
        if number <= MAX_UINT32 and number == int(number):
            return int(number)
    raise wrong(value, "uint32")


def wrong(value: Written, kind: str) -> MalformedDocument:
    """The error for a value that is not of this kind."""
    shown = value.text if len(value.text) <= MAX_NUMBER else f"{value.text[:MAX_NUMBER]}…"
    return _malformed(f"invalid value for {kind} field {value.member}: {shown}")


def _pairs(text: str, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each member's name, and its value as written; raises JSONDecodeError, RecursionError."""
    at = _mark(text, 0, "{")
    closing = _past_blanks(text, at)
    if text[closing : closing + 1] == "}":
        _end(text, closing + 1)
        return
    for _ in range(MAX_MEMBERS):
        name, at = _LENIENT.raw_decode(text, _mark(text, at, '"') - 1)
        start = _past_blanks(text, _mark(text, at, ":"))
        decoder = _STRICT if name in known else _LENIENT
        # The parsed value is dropped at once: it may need many times the memory of its text.
        at = decoder.raw_decode(text, start)[1]
        yield name, text[start:at]
        at = _past_blanks(text, at)
        if text[at : at + 1] == "}":
            _end(text, at + 1)
            return
        at = _mark(text, at, ",")
    raise _malformed(f"there are more than {MAX_MEMBERS} members")


def _mark(text: str, at: int, mark: str) -> int:
    """The position after `mark`, which must be the next character that is not blank."""
    at = _past_blanks(text, at)
    if text[at : at + 1] != mark:
        raise json.JSONDecodeError(f"{mark} is expected", text, at)
    return at + 1


def _end(text: str, at: int) -> None:
    at = _past_blanks(text, at)
    if at != len(text):
        raise json.JSONDecodeError("something follows the object", text, at)


def _past_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()


def _has_half(text: str) -> bool:
    """Whether an escape is one half of a surrogate pair without the other."""
    high_ends = -1
    for escape in _ESCAPE.finditer(text):
        unit = int(escape[1][1:], 16) if len(escape[1]) > 1 else 0
        low = 0xDC00 <= unit <= 0xDFFF  # noqa: PLR2004 - Unicode, 3.8
        if low != (high_ends == escape.start()):
            return True
        high_ends = escape.end() if 0xD800 <= unit <= 0xDBFF else -1  # noqa: PLR2004 - the same
        if high_ends >= 0 and text[high_ends : high_ends + 2] != "\\u":
            return True
    return False


def _refuse_twice(pairs: list[tuple[str, Any]]) -> None:
    """Refuse an object in which a name comes twice; the values themselves are not needed."""
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            raise _malformed(f"duplicate map key {quoted(name)}")
        names.add(name)


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not a JSON value")


def _malformed(what: str) -> MalformedDocument:
    return MalformedDocument(what, remedy=_REMEDY)


# `str` keeps numbers as text, however long they are.
_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_refuse_twice,
    parse_int=str,
    parse_float=str,
    parse_constant=_refuse_constant,
)
_LENIENT: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)
