"""Shapes: what kind of value each member of a job holds, for every format alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, TypeAlias

from app.domain.checks import escaped, quoted
from app.errors import InvalidMember

Value: TypeAlias = "str | bool | int | float | Sequence[Value] | Mapping[str, Value]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A string."""

    called: str = "a string"


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """True or false."""

    called: str = "true or false"


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """A number, as JSON writes it; `whole` where it has no fraction."""

    whole: bool = False
    called: str = "a number"


@dataclass(frozen=True, kw_only=True, slots=True)
class List:
    """Any number of values of one shape; in XML, elements named `item`."""

    item: str
    of: Text | Number
    called: str = "an array"


@dataclass(frozen=True, kw_only=True, slots=True)
class Object:
    """Members, each of its own shape."""

    members: Mapping[str, Shape]
    called: str = "an object"


@dataclass(frozen=True, kw_only=True, slots=True)
class Map:
    """Strings by names of the client's own; in XML, elements named `item`, with its name as key."""

    item: str
    key: str = "name"
    called: str = "an object"


Shape: TypeAlias = "Text | Flag | Number | List | Object | Map"

TEXT: Final = Text()
FLAG: Final = Flag()
NUMBER: Final = Number()
WHOLE: Final = Number(whole=True)

SHAPES: Final[Mapping[str, Shape]] = {
    "enabled": FLAG,
    "tags": List(item="tag", of=TEXT),
    "headers": Map(item="header"),
    "timeout": NUMBER,
    "retry": Object(
        members={
            "maxAttempts": WHOLE,
            "schedule": List(item="wait", of=NUMBER),
            "backoff": Object(members={"initial": NUMBER, "factor": NUMBER, "max": NUMBER}),
            "maxAge": NUMBER,
        }
    ),
    "misfireWindow": NUMBER,
    "remaining": WHOLE,
}
"""The members that are more than a string."""

# RFC 8259, 6, which is also a plain way to write a number in XML.
_NUMBER: Final = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<power>[eE][+-]?[0-9]+)?"
)
_MAX_NUMBER_LENGTH: Final = 30


def of_member(name: str) -> Shape:
    """The shape of a job's member."""
    return SHAPES.get(name, TEXT)


def number(path: str, text: str, shape: Number) -> int | float:
    """The number written as `text`; raises InvalidMember. A long one is refused unread."""
    match = _NUMBER.fullmatch(text) if len(text) <= _MAX_NUMBER_LENGTH else None
    if match is None:
        raise InvalidMember(
            path,
            f"{path} is {quoted(text)}, not a number of at most {_MAX_NUMBER_LENGTH} characters.",
            remedy="Write a number such as 5 or 2.5.",
        )
    if match["fraction"] is None and match["power"] is None:
        return int(text)
    value = float(text)
    if not isfinite(value) or (shape.whole and not value.is_integer()):
        raise InvalidMember(
            path, f"{path} is {quoted(text)}.", remedy="Give a whole number, such as 5."
        )
    return int(value) if value.is_integer() else value


def refuse_unknown(path: str, name: str, shape: Object) -> None:
    """Refuse a name that is no member of an object."""
    if name not in shape.members:
        raise InvalidMember(
            f"{path}.{escaped(name)}",
            f"{path} has no member {quoted(name)}.",
            remedy=f"Its members are: {', '.join(shape.members)}.",
        )
