"""Fields: the seven fields of an expression, their bounds and names, and the error for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from app.domain.checks import quoted
from app.domain.quartz.schedule import FIRST_YEAR, LAST_YEAR
from app.errors import InvalidMember

LETTERS: Final = 3
"""Letters of a name that Quartz reads; it ignores the letters after them."""


def _numbered(names: str, **further: str) -> Mapping[str, int]:
    """Return the numbers of names, from 1 on: by three letters, by the full name, and `further`."""
    whole = {name: number for number, name in enumerate(names.split(), 1)}
    short = {name[:LETTERS]: number for name, number in whole.items()}
    others = {other: whole[name] for other, name in further.items()}
    return MappingProxyType({**short, **whole, **others})


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Field:
    """One field: its bounds, the longest step, names for its values, and whether ranges wrap.

    Fields are compared by identity, so that they are cheap keys of a cache.
    """

    name: str
    low: int
    high: int
    longest_step: int
    forms: str
    names: Mapping[str, int] = field(default_factory=dict)
    wraps: bool = True


SECONDS: Final = Field(
    name="seconds",
    low=0,
    high=59,
    longest_step=59,
    forms='numbers from 0 to 59, ranges such as "10-20", steps such as "0/15", lists, or "*"',
)
MINUTES: Final = Field(
    name="minutes",
    low=0,
    high=59,
    longest_step=59,
    forms='numbers from 0 to 59, ranges such as "10-20", steps such as "0/15", lists, or "*"',
)
HOURS: Final = Field(
    name="hours",
    low=0,
    high=23,
    longest_step=23,
    forms='numbers from 0 to 23, ranges such as "9-17", steps such as "0/6", lists, or "*"',
)
DAY_OF_MONTH: Final = Field(
    name="day-of-month",
    low=1,
    high=31,
    longest_step=31,
    forms='numbers from 1 to 31, ranges, steps such as "1/5", lists, "*" or "?"; '
    '"L", "L-3", "LW", "L-3W" and "15W", also in lists',
)
MONTH: Final = Field(
    name="month",
    low=1,
    high=12,
    longest_step=12,
    names=_numbered(
        "JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER",
        SEPT="SEPTEMBER",
    ),
    forms='numbers from 1 to 12, names such as "JAN", ranges, steps such as "1/3", lists, or "*"',
)
DAY_OF_WEEK: Final = Field(
    name="day-of-week",
    low=1,
    high=7,
    longest_step=7,
    names=_numbered(
        "SUNDAY MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY",
        TUES="TUESDAY",
        THUR="THURSDAY",
        THURS="THURSDAY",
    ),
    forms='numbers from 1 (Sunday) to 7 (Saturday), names such as "MON", ranges, steps, lists, '
    '"*" or "?"; or one of "L", "6L", "FRIL", "6#3", "FRI#3" standing alone',
)
YEAR: Final = Field(
    name="year",
    low=FIRST_YEAR,
    high=LAST_YEAR,
    longest_step=LAST_YEAR - FIRST_YEAR,
    wraps=False,
    forms=f'years from {FIRST_YEAR} to {LAST_YEAR}, ranges such as "2027-2030", steps, lists, '
    'or "*"',
)


def refused(where: Field, text: str, reason: str, remedy: str | None = None) -> InvalidMember:
    """Return the error for the field `where`, whose whole text is `text`."""
    return InvalidMember(
        "cron",
        f"The {where.name} field {quoted(text)} {reason}.",
        remedy=remedy or f"In the {where.name} field use {where.forms}.",
    )
