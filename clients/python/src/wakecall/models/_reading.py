"""Reading: makes models of the service's documents, by the types of their fields."""

from __future__ import annotations

import base64
import binascii
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as hints_of

from wakecall._core.answers import UnreadableAnswer
from wakecall._core.requests import camel

T = TypeVar("T")
M = TypeVar("M", bound="Model")

Read = Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A document of the service."""

    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The whole document as it came, by its names on the wire."""

    @property
    def extra(self) -> Mapping[str, Any]:
        """The members that this release of the library does not know."""
        known = {name for member in _members(type(self)) for name in member.names}
        return {name: value for name, value in self.document.items() if name not in known}


class _Member(NamedTuple):
    """How a field is read: from which members, and how."""

    field: str
    names: tuple[str, ...]
    read: Read
    is_required: bool


_KNOWN: Final[dict[type[Model], tuple[_Member, ...]]] = {}
"""The members of each model, which are found once."""


class _Wire(NamedTuple):
    """Which members of a document a field is read from, and how they are read together."""

    names: tuple[str, ...]
    read: Read | None = None


def on_the_wire(name: str) -> _Wire:
    """Marks a field with another name on the wire; a span is in ms if that ends in Ms."""
    return _Wire((name,))


def payload(data: str, encoding: str) -> _Wire:
    """Marks a field of bytes: a member with text or base64, as a second member tells."""
    return _Wire((data, encoding), _read_payload)


def read(model: type[M], document: object) -> M:
    """The model of a document; raises UnreadableAnswer if a member is missing or of another kind.

    Members that are not known are kept in `document`, so that a library reads newer services.
    """
    if not isinstance(document, Mapping):
        raise UnreadableAnswer(f"The answer has no {model.__name__}, but {str(document)[:200]!r}.")
    values: dict[str, Any] = {"document": document}
    for member in _members(model):
        given = [document.get(name) for name in member.names]
        if given[0] is None:
            if member.is_required:
                raise UnreadableAnswer(f"{model.__name__} has no {member.names[0]}.")
            continue
        try:
            values[member.field] = member.read(given[0] if len(given) == 1 else given)
        except (ValueError, TypeError, OverflowError, LookupError, AttributeError) as error:
            raise UnreadableAnswer(f"{member.names[0]} of {model.__name__}: {error}") from None
    return model(**values)


def read_all(model: type[M], documents: object) -> tuple[M, ...]:
    """The models of the documents in an array; raises UnreadableAnswer."""
    if not isinstance(documents, list):
        raise UnreadableAnswer(f"The answer is not a list, but {str(documents)[:200]!r}.")
    return tuple(read(model, each) for each in documents)


def _members(model: type[Model]) -> tuple[_Member, ...]:
    if model not in _KNOWN:
        hints = hints_of(model, include_extras=True)
        _KNOWN[model] = tuple(
            _member(each, hints[each.name]) for each in fields(model) if each.name != "document"
        )
    return _KNOWN[model]


def _member(described: Field[Any], hint: Any) -> _Member:  # noqa: ANN401 - a type
    wire = _Wire((camel(described.name),))
    if get_origin(hint) is Annotated:
        hint, wire = get_args(hint)
    names = wire.names or (camel(described.name),)
    return _Member(
        field=described.name,
        names=names,
        read=wire.read or _reader(hint, in_ms=names[0].endswith("Ms")),
        is_required=described.default is MISSING and described.default_factory is MISSING,
    )


def _reader(hint: Any, *, in_ms: bool = False) -> Read:  # noqa: ANN401, PLR0911 - a type; kinds
    """How a value of this type is read."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        inner = _reader(next(each for each in arguments if each is not types.NoneType), in_ms=in_ms)
        return lambda value: None if value is None else inner(value)
    if origin is Literal:
        # A newer service may have further values: the text is kept as it is.
        return _exactly(str)
    if origin is tuple:
        element = _reader(arguments[0])
        return lambda value: tuple(element(each) for each in _exactly(list)(value))
    if origin is Mapping:
        element = _reader(arguments[1])
        return lambda value: {name: element(each) for name, each in value.items()}
    if hint is datetime:
        return _read_instant
    if hint is timedelta:
        return lambda value: timedelta(**{"milliseconds" if in_ms else "seconds": float(value)})
    if isinstance(hint, type) and issubclass(hint, Model):
        return lambda value: read(hint, value)
    return _PLAIN[hint]


def _exactly(kind: type[T]) -> Callable[[Any], T]:
    def check(value: Any) -> T:  # noqa: ANN401 - JSON holds anything
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise TypeError(f"{value!r} is not a {kind.__name__}.")
        return value

    return check


def _read_instant(text: Any) -> datetime:  # noqa: ANN401 - JSON holds anything
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset.")
    return instant


def _read_payload(given: Any) -> bytes:  # noqa: ANN401 - JSON holds anything
    text, encoding = given
    if encoding is None:
        return _exactly(str)(text).encode()
    if encoding != "base64":
        raise ValueError(f"the encoding {encoding!r} is not known.")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _read_pairs(given: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - JSON holds anything
    return tuple((each["name"], each["value"]) for each in given)


PAIRS: Final = _Wire((), _read_pairs)
"""Marks a field of names and values, which may repeat, in order."""

_PLAIN: Final[Mapping[Any, Read]] = {
    str: _exactly(str),
    bool: _exactly(bool),
    int: _exactly(int),
    float: float,
}
