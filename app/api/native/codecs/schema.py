"""Schema: what a document holds, declared once; both codecs read and check documents by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, TypeAlias, TypeVar

from app.domain.checks import member_name, quoted
from app.errors import InvalidMember

Value: TypeAlias = "str | bool | int | float | Sequence[Value] | Mapping[str, Value]"

_T = TypeVar("_T")

# RFC 8259, 6, which is also a plain way to write a number in XML.
_NUMBER: Final = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<power>[eE][+-]?[0-9]+)?"
)
_MAX_NUMBER_LENGTH: Final = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A string."""

    max_length: int | None = None
    """In characters."""

    keeps_space: bool = False
    """Whether white space around the text counts in XML."""

    is_read_only: bool = False
    """Whether the service alone sets the member. What is sent is ignored or compared, so a value of
    another type is not refused: it is read as the name of its type, and a number as written."""

    remedy_for_bytes: str = ""
    """How to send what is not text, added to the refusal of half a surrogate pair."""

    called: str = "a string"

    def parse(self, path: str, text: str) -> str:
        """The text; raises InvalidMember."""
        if self.max_length is not None and len(text) > self.max_length:
            raise InvalidMember(
                path,
                f"{path} has {len(text)} characters; the maximum is {self.max_length}.",
                remedy=f"Shorten {path}.",
            )
        return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One of a few strings."""

    values: tuple[str, ...]
    called: str = "a string"

    def parse(self, path: str, text: str) -> str:
        """The text; raises InvalidMember."""
        if text not in self.values:
            values = [quoted(each) for each in self.values]
            raise InvalidMember(
                path,
                f"{path} must be {' or '.join(values)}, not {quoted(text)}.",
                remedy=f"Use {' or '.join(values)}.",
            )
        return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """True or false."""

    called: str = "true or false"


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """A number, as JSON writes it."""

    whole: bool = False
    """Whether its fraction must be zero; 5.0 and 5e0 are whole."""

    called: str = "a number"

    def parse(self, path: str, text: str) -> int | float:
        """The number written as `text`; raises InvalidMember. A long one is refused unread."""
        # Most numbers are a few digits, and a list may hold tens of thousands.
        is_plain = text.isascii() and text.isdecimal() and (text[0] != "0" or text == "0")
        if is_plain and len(text) <= _MAX_NUMBER_LENGTH:
            return int(text)
        match = _NUMBER.fullmatch(text) if len(text) <= _MAX_NUMBER_LENGTH else None
        if match is None:
            raise InvalidMember(
                path,
                f"{path} is {quoted(text)}, not a number of at most {_MAX_NUMBER_LENGTH} "
                "characters.",
                remedy="Give a number such as 5 or 2.5.",
            )
        if match["fraction"] is None and match["power"] is None:
            return int(text)
        value = float(text)
        if not isfinite(value) or (self.whole and not value.is_integer()):
            wanted = "an integer" if self.whole else "a number that a double can hold"
            raise InvalidMember(
                path, f"{path} is {quoted(text)}, not {wanted}.", remedy="Give a number such as 5."
            )
        return int(value) if value.is_integer() else value


@dataclass(frozen=True, kw_only=True, slots=True)
class Integer:
    """A number without sign, fraction and exponent, within bounds."""

    minimum: int
    maximum: int
    remedy: str
    called: str = "a number"

    def parse(self, path: str, text: str) -> int:
        """The integer written as `text`; raises InvalidMember. A long one is refused unread."""
        digits = text.isascii() and text.isdigit() and len(text) <= len(str(self.maximum))
        if not digits or not self.minimum <= int(text) <= self.maximum:
            raise InvalidMember(
                path,
                f"{path} must be an integer from {self.minimum} to {self.maximum}.",
                remedy=self.remedy,
            )
        return int(text)


@dataclass(frozen=True, kw_only=True, slots=True)
class List:
    """Any number of values of one shape."""

    item: str
    """The name of the element that holds one value in XML."""

    of: Text | Number
    called: str = "an array"


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeatable:
    """Texts, at least one: a string or an array in JSON, the same element repeated in XML."""

    remedy: str
    """What to do instead of sending an empty array."""

    called: str = "a string or an array of strings"


@dataclass(frozen=True, kw_only=True, slots=True)
class Map:
    """Strings by names that the client chooses."""

    item: str
    """The name of the element that holds one string in XML."""

    key: str = "name"
    """The attribute of that element that holds the client's name."""

    called: str = "an object"


@dataclass(frozen=True, kw_only=True, slots=True)
class Anything:
    """Whatever was sent, unchecked: a JSON value with its numbers as text, or the text in XML."""

    called: str = "any value"


@dataclass(frozen=True, kw_only=True, slots=True)
class Object:
    """Members, each of its own shape; a whole document or the value of a member."""

    members: Mapping[str, Shape]
    root: str = ""
    """Of a whole document: its root element in XML, and what messages call it."""

    example: str = ""
    """Of a whole document: one in JSON, for the remedies."""

    required: tuple[str, ...] = ()
    hint: str = ""
    """Added to the remedy for a member that is unknown."""

    called: str = "an object"


@dataclass(frozen=True, kw_only=True, slots=True)
class Variants:
    """A whole document whose schema depends on the text of one member."""

    root: str
    example: str
    by: str
    select: Callable[[str | None], Object]
    """The schema for that text, None where the member is absent; raises InvalidMember."""

    allows_repeats: bool = False
    """Whether a member may be given again with the same value in JSON."""


Shape: TypeAlias = (
    "Text | Choice | Flag | Number | Integer | List | Repeatable | Map | Anything | Object"
)
Scalar: TypeAlias = "Text | Choice | Number | Integer"
"""What both formats write as a text, which its `parse` reads."""

TEXT: Final = Text()
READ_ONLY: Final = Text(is_read_only=True)
FLAG: Final = Flag()
NUMBER: Final = Number()
WHOLE: Final = Number(whole=True)


def without_none(members: Mapping[str, _T | None]) -> dict[str, _T]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def refuse_unknown(names: Iterable[str], shape: Object, path: str = "") -> None:
    """Refuse a name that is not a member of the object at `path`, a whole document if it is empty.

    Overlooked, a misspelt member would do something other than what was asked for. Raises
    InvalidMember.
    """
    for name in names:
        if name not in shape.members:
            article = "An" if shape.root[:1] in {"a", "e", "i", "o", "u"} else "A"
            raise InvalidMember(
                join(path, member_name(name)),
                f"{path or f'{article} {shape.root}'} has no member {quoted(name)}.",
                remedy=f"The members are: {', '.join(shape.members)}.{shape.hint}",
            )


def require(given: Mapping[str, Any], shape: Object) -> None:
    """Refuse a document that lacks a required member. Raises InvalidMember."""
    for name in shape.required:
        if name not in given:
            raise InvalidMember(
                name, f"{name} is missing.", remedy=f"Give {name}, as in {shape.example}."
            )


def join(path: str, name: str) -> str:
    """The path of a member of the object at `path`."""
    return f"{path}.{name}" if path else name
