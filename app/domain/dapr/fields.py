"""Fields: reads one field of a Dapr expression: its values, and whether it is open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from app.domain.dapr.refusal import Refusal, sanitize

_NUMBER: Final = re.compile(r"(?P<sign>[+-]?)(?P<digits>[0-9]+)")
_MAX_DIGITS: Final = 18


def _numbered(names: str, first: int) -> Mapping[str, int]:
    return MappingProxyType({name: number for number, name in enumerate(names.split(), first)})


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Field:
    """One of the six fields: its bounds, and the lower-case names of its values.

    Compared by identity, which makes it a cheap key of a cache.
    """

    low: int
    high: int
    forms: str
    names: Mapping[str, int] = field(default_factory=dict)


class Values(NamedTuple):
    """The values of a field, ascending; `star` where the field is open, by `*` or `?`."""

    values: tuple[int, ...]
    star: bool


_SYNTAX: Final = 'ranges such as "1-5", steps such as "*/5" or "1/5", lists, "*" or "?"'
SECONDS: Final = Field(low=0, high=59, forms=f"in seconds use 0 to 59, {_SYNTAX}")
MINUTES: Final = Field(low=0, high=59, forms=f"in minutes use 0 to 59, {_SYNTAX}")
HOURS: Final = Field(low=0, high=23, forms=f"in hours use 0 to 23, {_SYNTAX}")
DAY_OF_MONTH: Final = Field(low=1, high=31, forms=f"in day-of-month use 1 to 31, {_SYNTAX}")
MONTH: Final = Field(
    low=1,
    high=12,
    names=_numbered("jan feb mar apr may jun jul aug sep oct nov dec", 1),
    forms=f'in month use 1 to 12, names such as "jan", {_SYNTAX}',
)
DAY_OF_WEEK: Final = Field(
    low=0,
    high=6,
    names=_numbered("sun mon tue wed thu fri sat", 0),
    forms=f'in day-of-week use 0 (Sunday) to 6 (Saturday), names such as "mon", {_SYNTAX}',
)


@lru_cache(maxsize=4096)
def expand(where: Field, text: str) -> Values:
    """The values of a field; an empty item between commas has none. Raises Refusal for `schedule`.

    A star with a step, as in `*/2`, does not leave the field open.
    """
    found: set[int] = set()
    star = False
    for item in text.split(","):
        if item:
            values, whole = _item(where, item)
            found.update(values)
            star |= whole
    return Values(tuple(sorted(found)), star)


def _item(where: Field, item: str) -> tuple[range, bool]:
    span, *steps = item.split("/")
    ends = span.split("-")
    star = ends[0] in ("*", "?")
    if star:
        # Dapr ignores what follows the star in a range.
        first, last = where.low, where.high
    else:
        first = _value(where, ends[0])
        if len(ends) > len(("first", "last")):
            raise _refused(where, f"too many hyphens: {sanitize(item)}")
        last = _value(where, ends[-1])
    step = 1
    if steps:
        if len(steps) > 1:
            raise _refused(where, f"too many slashes: {sanitize(item)}")
        step = _number(where, steps[0])
        last = where.high if len(ends) == 1 else last
    _check(where, item, first, last, step)
    return range(first, last + 1, step), star and step == 1


def _check(where: Field, item: str, first: int, last: int, step: int) -> None:
    said = sanitize(item)
    if first < where.low:
        raise _refused(where, f"beginning of range ({first}) below minimum ({where.low}): {said}")
    if last > where.high:
        raise _refused(where, f"end of range ({last}) above maximum ({where.high}): {said}")
    if first > last:
        raise _refused(where, f"beginning of range ({first}) beyond end of range ({last}): {said}")
    if step == 0:
        raise _refused(where, f"step of range should be a positive number: {said}")


def _value(where: Field, text: str) -> int:
    named = where.names.get(text.lower())
    return _number(where, text) if named is None else named


def _number(where: Field, text: str) -> int:
    found = _NUMBER.fullmatch(text)
    if found is None or len(found["digits"]) > _MAX_DIGITS:
        said = sanitize(text)
        reason = "invalid syntax" if found is None else "value out of range"
        raise _refused(
            where, f'failed to parse int from {said}: strconv.Atoi: parsing "{said}": {reason}'
        )
    number = int(found["digits"])
    if found["sign"] == "-" and number:
        raise _refused(where, f"negative number (-{number}) not allowed: {sanitize(text)}")
    return number


def _refused(where: Field, reason: str) -> Refusal:
    return Refusal("schedule", reason, remedy=where.forms)
