"""JSON codec: documents in JSON (RFC 8259), read strictly by their schema."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from typing import Any, Final, NoReturn

from app.api.native.codecs import schema
from app.api.native.codecs.schema import (
    Anything,
    Choice,
    Flag,
    Integer,
    List,
    Map,
    Number,
    Object,
    Repeatable,
    Scalar,
    Shape,
    Text,
    Value,
    Variants,
)
from app.domain.checks import member_name, quoted
from app.errors import InvalidMember, MalformedDocument

NOT_JSON: Final = (json.JSONDecodeError, RecursionError)
"""What DECODER raises for a text that is not JSON, or is nested too deeply."""

_SPACE: Final = " \t\n\r"
"""What may be around a JSON text (RFC 8259, 2)."""

_NAMES: Final = {
    dict: "an object",
    list: "an array",
    bool: "true or false",
    type(None): "null",
    str: "a string",
}


class _Number(str):
    """A number as written; it is computed only where a member takes one, and if it is short."""

    __slots__ = ()


def read(body: bytes, document: Object | Variants) -> dict[str, Any]:
    """The members of the document in `body`; raises MalformedDocument and InvalidMember."""
    repeats = isinstance(document, Variants) and document.allows_repeats
    return read_value(parse(decode(body), _REPEATING if repeats else DECODER), document)


def read_value(value: Any, document: Object | Variants) -> dict[str, Any]:  # noqa: ANN401 - JSON holds anything
    """The members of the document that a JSON value is, each in its shape.

    A member that is null counts as absent, once its name is known. Raises MalformedDocument and
    InvalidMember.
    """
    if type(value) is not dict:
        raise MalformedDocument(
            f"The document is {kind(value)}, not an object.",
            remedy=f"Send an object, as in {document.example}.",
        )
    if isinstance(document, Variants):
        chosen = value.get(document.by)
        document = document.select(
            None if chosen is None else str(_value(document.by, chosen, schema.TEXT))
        )
    members = _members("", value, document)
    schema.require(members, document)
    return members


def decode(body: bytes) -> str:
    """The text of a JSON document; raises MalformedDocument."""
    if not body:
        raise MalformedDocument("The body is empty.", remedy="Send a JSON object.")
    # A byte order mark may be passed over (RFC 8259, 8.1).
    text = body.removeprefix(codecs.BOM_UTF8)
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        at = error.start + len(body) - len(text)
        raise MalformedDocument(
            f"The document is not UTF-8 (at byte {at}).", remedy="Send JSON in UTF-8."
        ) from None


def parse(text: str, decoder: json.JSONDecoder | None = None) -> Any:  # noqa: ANN401 - JSON holds anything
    """The value that a JSON text is; raises MalformedDocument and InvalidMember."""
    reading = decoder or DECODER
    try:
        if text.startswith("{"):
            # `decode` would look for white space on both sides, of which most texts have none.
            value, end = reading.raw_decode(text)
            rest = text[end:].lstrip(_SPACE)
            if rest:
                raise json.JSONDecodeError("Extra data", text, len(text) - len(rest))
            return value
        return reading.decode(text)
    except NOT_JSON as error:
        remedy = "Send one JSON object and nothing before or after it."
        raise malformed(error, remedy) from None


def malformed(error: Exception, remedy: str) -> MalformedDocument:
    """The refusal of a text for which DECODER raised this error, one of NOT_JSON."""
    if isinstance(error, json.JSONDecodeError):
        return MalformedDocument(
            f"The document is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).",
            remedy=remedy,
        )
    return MalformedDocument(
        "The document is nested too deeply.", remedy="Send fewer levels; a job has at most three."
    )


def kind(value: object) -> str:
    """The type of a JSON value, as messages call it."""
    return "a number" if isinstance(value, _Number) else _NAMES[type(value)]


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = Counter(name for name, _ in pairs)
        repeated = names.most_common(1)[0][0]
        raise InvalidMember(
            member_name(repeated),
            f"The member {quoted(repeated)} is given more than once.",
            remedy="Give each member once.",
        )
    return members


def _merge_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    distinct: dict[str, Any] = {}
    for name, value in pairs:
        if name in distinct and distinct[name] != value:
            return _refuse_repeats(pairs)
        distinct[name] = value
    return distinct


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedDocument(
        f"The document contains {name}, which is not a JSON value.", remedy="Leave it out."
    )


DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_refuse_repeats,
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=_refuse_constant,
)
_REPEATING: Final = json.JSONDecoder(
    object_pairs_hook=_merge_repeats,
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=_refuse_constant,
)


def _value(path: str, value: Any, shape: Shape) -> Value:  # noqa: ANN401 - JSON holds anything
    """The value of a member of this shape; raises InvalidMember with the member's path."""
    match shape:
        case Number() | Text() | Choice() | Integer() | Flag():
            return _scalar(path, value, shape)
        case List(of=of):
            items = _typed(path, value, list, shape.called)
            return [_scalar(f"{path}[{number}]", item, of) for number, item in enumerate(items)]
        case Repeatable():
            return _texts(path, value, shape)
        case Map():
            entries = schema.without_none(_typed(path, value, dict, shape.called))
            return {
                _whole_text(path, name): _value(
                    schema.join(path, member_name(name)), text, schema.TEXT
                )
                for name, text in entries.items()
            }
        case Object():
            return _members(path, _typed(path, value, dict, shape.called), shape)
        case Anything():
            return value  # type: ignore[no-any-return] # whatever was sent


def _scalar(path: str, value: Any, shape: Scalar | Flag) -> Value:  # noqa: ANN401 - JSON holds anything
    match shape:
        case Number() | Integer():
            return shape.parse(path, _typed(path, value, _Number, shape.called))
        case Text(is_read_only=True) if type(value) is not str:
            return str(value) if type(value) is _Number else kind(value)
        case Text() | Choice():
            text = _typed(path, value, str, shape.called)
            return shape.parse(path, _whole_text(path, text, shape))
        case Flag():
            return bool(_typed(path, value, bool, shape.called))


def _members(path: str, given: dict[str, Any], shape: Object) -> dict[str, Value]:
    shapes = shape.members
    if not given.keys() <= shapes.keys():
        schema.refuse_unknown(given, shape, path)
    members: dict[str, Value] = {}
    for name, value in given.items():
        of = shapes[name]
        # Most members are texts in which there is nothing to refuse.
        if type(value) is str and type(of) is Text and of.max_length is None and value.isascii():
            members[name] = value
        elif value is not None:
            members[name] = _value(schema.join(path, name), value, of)
    return members


def _texts(path: str, value: Any, shape: Repeatable) -> list[Value]:  # noqa: ANN401 - JSON holds anything
    items = value if isinstance(value, list) else [value]
    if not items:
        raise InvalidMember(path, f"{path} is an empty array.", remedy=shape.remedy)
    for item in items:
        _typed(path, item, str, shape.called)
    return [_value(path, item, schema.TEXT) for item in items]


def _typed(path: str, value: Any, wanted: type, called: str) -> Any:  # noqa: ANN401 - of the type `wanted`
    if type(value) is not wanted:
        raise InvalidMember(
            path, f"{path} is {kind(value)}, not {called}.", remedy=f"Give {called}."
        )
    return value


def _whole_text(path: str, text: str, shape: Shape = schema.TEXT) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            hint = shape.remedy_for_bytes if isinstance(shape, Text) else ""
            raise InvalidMember(
                path,
                f"{path} contains half of a surrogate pair, which cannot be encoded.",
                remedy=f"Send whole characters.{hint}",
            ) from None
    return text
