"""JSON codec: job documents in JSON (RFC 8259), read strictly."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import orjson

from app.api.native.codecs import schema
from app.api.native.codecs.schema import Flag, List, Map, Number, Object, Shape, Text, Value
from app.api.native.documents import job as job_document
from app.api.native.documents.job import JobDocument
from app.domain.checks import escaped, quoted
from app.errors import InvalidMember, MalformedDocument

_NAMES: Final = {
    dict: "an object",
    list: "an array",
    bool: "true or false",
    type(None): "null",
    str: "a string",
}


class _Number(str):
    """A number as written: none is computed but a short one, where a member takes it."""

    __slots__ = ()


def read(body: bytes) -> JobDocument:
    """The job in a JSON document; raises MalformedDocument and InvalidMember."""
    return job_of(parse(decoded(body)))


def job_of(members: Any) -> JobDocument:  # noqa: ANN401 - JSON holds anything
    """The job that a JSON value is; raises MalformedDocument and InvalidMember."""
    members = _object(members, '{"url": "https://…", "when": "…"}')
    job_document.refuse_unknown(members)
    return job_document.of_members(
        {
            name: _value(name, value, schema.of_member(name))
            for name, value in not_null(members).items()
        }
    )


def object_of(body: bytes, *, example: str, repeats: bool = False) -> dict[str, Any]:
    """The members of the one object a body holds, numbers as written; raises MalformedDocument.

    With `repeats`, a member that is given again with the same value counts once, as Fusion's own
    documents have it.
    """
    return _object(parse(decoded(body), _REPEATING if repeats else DECODER), example)


def _object(members: Any, example: str) -> dict[str, Any]:  # noqa: ANN401 - JSON holds anything
    if type(members) is not dict:
        raise MalformedDocument(
            f"The document is {kind(members)}, not an object.",
            remedy=f"Send an object, as in {example}.",
        )
    return members


def not_null(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are there: one that is null counts as absent, once its name is judged."""
    return {name: value for name, value in members.items() if value is not None}


def number_of(value: object) -> str:
    """A number of `object_of` as it is written; nothing for what is no number."""
    return str(value) if isinstance(value, _Number) else ""


def write(job: JobDocument) -> bytes:
    """The JSON document, laid out as in the spec's examples."""
    return orjson.dumps(dict(job_document.members(job)), option=orjson.OPT_INDENT_2)


def decoded(body: bytes) -> str:
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
    with refusing("Send one JSON object, nothing before or after it."):
        return (decoder or DECODER).decode(text)


@contextmanager
def refusing(remedy: str) -> Iterator[None]:
    """Tell what DECODER cannot read as MalformedDocument."""
    try:
        yield
    except json.JSONDecodeError as error:
        raise MalformedDocument(
            f"The document is not JSON: {error.msg} (line {error.lineno}, column {error.colno}).",
            remedy=remedy,
        ) from None
    except RecursionError:
        raise MalformedDocument(
            "The document is nested too deeply.", remedy="A job holds three levels at most."
        ) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = Counter(name for name, _ in pairs)
        twice = names.most_common(1)[0][0]
        raise InvalidMember(
            escaped(twice),
            f"The member {quoted(twice)} is given more than once.",
            remedy="Give each member once.",
        )
    return members


def _members_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    distinct: dict[str, Any] = {}
    for name, value in pairs:
        if name in distinct and distinct[name] != value:
            return _members(pairs)
        distinct[name] = value
    return distinct


def _no_constant(name: str) -> NoReturn:
    raise MalformedDocument(
        f"The document holds {name}, which JSON does not have.", remedy="Leave it out."
    )


DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=_no_constant,
)
_REPEATING: Final = json.JSONDecoder(
    object_pairs_hook=_members_repeated,
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=_no_constant,
)


def _value(path: str, value: Any, shape: Shape) -> Value:  # noqa: ANN401 - JSON holds anything
    """What a member holds, where it is of this shape; raises InvalidMember with its path."""
    match shape:
        case Text():
            return _text(path, _typed(path, value, str, shape))
        case Flag():
            return bool(_typed(path, value, bool, shape))
        case Number():
            return schema.number(path, _typed(path, value, _Number, shape), shape)
        case List(of=of):
            items = _typed(path, value, list, shape)
            return [_value(f"{path}[{number}]", item, of) for number, item in enumerate(items)]
        case Map():
            entries = _typed(path, value, dict, shape)
            return {
                _text(path, name): _value(f"{path}.{escaped(name)}", text, schema.TEXT)
                for name, text in not_null(entries).items()
            }
        case Object(members=inner):
            given = _typed(path, value, dict, shape)
            for name in given:
                schema.refuse_unknown(path, name, shape)
            return {
                name: _value(f"{path}.{name}", each, inner[name])
                for name, each in not_null(given).items()
            }


def _typed(path: str, value: Any, wanted: type, shape: Shape) -> Any:  # noqa: ANN401 - of the type `wanted`
    if type(value) is not wanted:
        raise InvalidMember(
            path,
            f"{path} is {kind(value)}, not {shape.called}.",
            remedy=f"Give {shape.called}, or leave {path} out.",
        )
    return value


def _text(path: str, text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidMember(
                path,
                f"{path} holds half of a surrogate pair, which no encoding can carry.",
                remedy="Send whole characters; send other bytes as data with dataEncoding base64.",
            ) from None
    return text


def kind(value: object) -> str:
    """What a JSON value is, in words."""
    return "a number" if isinstance(value, _Number) else _NAMES[type(value)]
