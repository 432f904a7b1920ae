"""Schedule: an expanded expression: times of day, days by shape of a month, months and years."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199

SHORTEST_MONTH: Final = 28
DAYS_IN_WEEK: Final = 7
SHAPES: Final = tuple(
    (first_weekday, length)
    for length in range(SHORTEST_MONTH, SHORTEST_MONTH + 4)
    for first_weekday in range(DAYS_IN_WEEK)
)
"""All shapes of a month: the weekday of its first day (Monday is 0), and its length."""

DayTable = tuple[tuple[int, ...], ...]
"""The matching days of a month, ascending, for each of SHAPES: all that L, W and # depend on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Fires on every matching date at every matching time of day.

    All fields are ascending and not empty, except that `days`, which has the matching days of a
    month by its shape, may have no days at all.
    """

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: DayTable
    months: tuple[int, ...]
    years: tuple[int, ...]


def _shape(year: int, month: int) -> int:
    first = date(year, month, 1)
    following = date(year + month // 12, month % 12 + 1, 1)
    length = (following - first).days
    return (length - SHORTEST_MONTH) * DAYS_IN_WEEK + first.weekday()


_SHAPE_OF_MONTH: Final = tuple(
    _shape(year, month) for year in range(FIRST_YEAR, LAST_YEAR + 1) for month in range(1, 13)
)


def shape_of(year: int, month: int) -> int:
    """Return the index in SHAPES of a month from FIRST_YEAR to LAST_YEAR."""
    return _SHAPE_OF_MONTH[(year - FIRST_YEAR) * 12 + month - 1]
