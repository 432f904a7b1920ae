"""Intervals: triggers that fire every n units from a start; firings are computed directly."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

MAX_UNITS: Final = 1_000_000

_MONTHS: Final = 12


class Unit(StrEnum):
    """The unit of an interval."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_LENGTHS: Final = {
    Unit.MINUTE: timedelta(minutes=1),
    Unit.HOUR: timedelta(hours=1),
    Unit.DAY: timedelta(days=1),
    Unit.WEEK: timedelta(weeks=1),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ByInterval:
    """Due at `start` and every `every` units after it, up to and including `end`; both in UTC.

    Firing k is `start` plus k times the interval: a firing on the 31st is on the last day of a
    shorter month, and on the 31st again in the next long one.
    """

    start: datetime
    """When the schedule was saved, where the client gave no start."""
    every: int
    unit: Unit
    end: datetime | None = None
    given: bool = True
    """Whether the client gave the start."""
    enabled: bool = True


def next_of_interval(interval: ByInterval, after: datetime) -> datetime | None:
    """Return the first firing strictly after `after` (aware), in UTC; None if none is left.

    A disabled interval has firings, too.
    """
    found = _following(interval, after)
    if found is None or (interval.end is not None and found > interval.end):
        return None
    return found


def period(interval: ByInterval) -> timedelta | None:
    """Return the time between two firings; None for months, whose lengths differ."""
    length = _LENGTHS.get(interval.unit)
    return None if length is None else interval.every * length


def _following(interval: ByInterval, after: datetime) -> datetime | None:
    start = interval.start
    if after < start:
        return start
    length = period(interval)
    try:
        if length is not None:
            return start + ((after - start) // length + 1) * length
        return _month_after(start, interval.every, after.astimezone(UTC))
    except (OverflowError, ValueError):
        return None


def _month_after(start: datetime, every: int, after: datetime) -> datetime:
    months = (after.year - start.year) * _MONTHS + after.month - start.month
    # The last firing in the month of `after` or before it: the result is that one or the next.
    number = months // every
    found = _months_on(start, number * every)
    return found if found > after else _months_on(start, (number + 1) * every)


def _months_on(start: datetime, months: int) -> datetime:
    years, month = divmod(start.year * _MONTHS + start.month - 1 + months, _MONTHS)
    day = min(start.day, monthrange(years, month + 1)[1])
    return start.replace(year=years, month=month + 1, day=day)
