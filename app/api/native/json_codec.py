"""JSON codec: job documents in JSON (RFC 8259), read strictly."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final, NoReturn

import orjson

from app.api.native import document
from app.api.native.document import JobDocument
from app.domain.quotation import quoted
from app.errors import InvalidMember, MalformedDocument

_NAMES: Final = {
    dict: "an object",
    list: "an array",
    bool: "true or false",
    type(None): "null",
    str: "a string",
}
_BOM: Final = b"\xef\xbb\xbf"


class _Number(str):
    """A number as written: no member takes one, so none is ever computed."""

    __slots__ = ()


def read(body: bytes) -> JobDocument:
    """The job in a JSON document; raises MalformedDocument and InvalidMember."""
    members = parse(body)
    if type(members) is not dict:
        raise MalformedDocument(
            f"The document is {kind(members)}, not an object.",
            remedy='Send an object, as in {"url": "https://…", "when": "…"}.',
        )
    for name, value in members.items():
        if name in document.MEMBERS:
            _check_type(name, value)
    return document.of_members(members)


def write(job: JobDocument) -> bytes:
    """The JSON document, laid out as in the spec's examples."""
    return orjson.dumps(dict(document.members(job)), option=orjson.OPT_INDENT_2)


def parse(body: bytes) -> Any:  # noqa: ANN401 - JSON holds anything
    """What a JSON document holds, numbers as they are written. Raises MalformedDocument."""
    return _parse(_decoded(body))


def kind(value: object) -> str:
    """What a parsed value is, in words."""
    return "a number" if isinstance(value, _Number) else _NAMES[type(value)]


def _decoded(body: bytes) -> str:
    if not body:
        raise MalformedDocument("The body is empty.", remedy="Send a JSON object.")
    if body.startswith(_BOM):
        raise MalformedDocument(
            "The document begins with a byte order mark.", remedy="Send UTF-8 without it."
        )
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedDocument(
            f"The document is not UTF-8 (at byte {error.start}).", remedy="Send JSON in UTF-8."
        ) from None


def _parse(text: str) -> Any:  # noqa: ANN401 - JSON holds anything
    try:
        return json.loads(
            text,
            object_pairs_hook=_members,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        raise MalformedDocument(
            f"The document is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).",
            remedy="Send one JSON object, nothing before or after it.",
        ) from None
    except RecursionError:
        raise MalformedDocument(
            "The document is nested too deeply.", remedy="A job is one flat object."
        ) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = Counter(name for name, _ in pairs)
        twice = names.most_common(1)[0][0]
        raise InvalidMember(
            quoted(twice)[1:-1],
            f"The member {quoted(twice)} is given more than once.",
            remedy="Give each member once.",
        )
    return members


def _no_constant(name: str) -> NoReturn:
    raise MalformedDocument(
        f"The document holds {name}, which JSON does not have.", remedy="Leave it out."
    )


def _check_type(name: str, value: object) -> None:
    expected = bool if name == document.FLAG else str
    if type(value) is not expected:
        raise InvalidMember(
            name,
            f"{name} is {kind(value)}, not {_NAMES[expected]}.",
            remedy=f"Give {_NAMES[expected]}, or leave {name} out.",
        )
