"""Days: the two day fields become the matching days of every shape a month can have."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from app.domain.quartz.expansion import expand, value_of
from app.domain.quartz.fields import DAY_OF_MONTH, DAY_OF_WEEK, refused
from app.domain.quartz.schedule import DAYS_IN_WEEK, SHAPES, DayTable

LAST: Final = re.compile(r"L(?:-(?P<before>[0-9]+))?(?P<weekday>W)?")
NEAREST: Final = re.compile(r"(?P<day>[0-9]+)W")
LAST_OF_WEEKDAY: Final = re.compile(r"(?P<weekday>[0-9]+|[A-Z]{3})L")
NTH_OF_WEEKDAY: Final = re.compile(r"(?P<weekday>[0-9]+|[A-Z]+)#(?P<nth>[0-9]+)")

_MOST_BEFORE_LAST: Final = 30
_MOST_OF_ONE_WEEKDAY: Final = 5
_SATURDAY: Final = 5
_SUNDAY: Final = 6

_DaysOf = Callable[[int, int], tuple[int, ...]]
"""The matching days of a month, given the weekday of its first day and its length."""


def _table(days_of: _DaysOf) -> DayTable:
    return tuple(days_of(first_weekday, length) for first_weekday, length in SHAPES)


@lru_cache(maxsize=1024)
def days_of_month(text: str) -> DayTable:
    """The day-of-month field, which is not `?`; raises InvalidMember for `cron`."""
    upper = text.upper()
    if last := LAST.fullmatch(upper):
        return _table(_before_last(text, last["before"], weekday=last["weekday"] is not None))
    if nearest := NEAREST.fullmatch(upper):
        day = value_of(DAY_OF_MONTH, text, nearest["day"])
        return _table(lambda first, length: _nearest_weekday(day, first, length))
    _refuse_marks_in_list(upper, text)
    days = expand(DAY_OF_MONTH, text)
    return _table(lambda _, length: tuple(day for day in days if day <= length))


def _before_last(text: str, digits: str | None, *, weekday: bool) -> _DaysOf:
    before = int(digits or 0)
    if before > _MOST_BEFORE_LAST:
        raise refused(
            DAY_OF_MONTH,
            text,
            f"counts {before} days back from the last of the month",
            f'After "L-" use a number from 0 to {_MOST_BEFORE_LAST}.',
        )

    def days_of(first_weekday: int, length: int) -> tuple[int, ...]:
        day = length - before
        if day < 1:
            return ()
        return _nearest_weekday(day, first_weekday, length) if weekday else (day,)

    return days_of


def _nearest_weekday(day: int, first_weekday: int, length: int) -> tuple[int, ...]:
    # A month without that day has no match, and the search never leaves the month.
    if day > length:
        return ()
    weekday = (first_weekday + day - 1) % DAYS_IN_WEEK
    if weekday == _SATURDAY:
        return (day - 1 if day > 1 else day + 2,)
    if weekday == _SUNDAY:
        return (day + 1 if day < length else day - 2,)
    return (day,)


def _refuse_marks_in_list(upper: str, text: str) -> None:
    if "L" in upper or "W" in upper:
        raise refused(
            DAY_OF_MONTH,
            text,
            'uses "L" or "W" in a way that has no meaning',
            'Use one of "L", "L-3", "LW", "L-3W", "15W", standing alone.',
        )


@lru_cache(maxsize=1024)
def days_of_week(text: str) -> DayTable:
    """The day-of-week field, which is not `?`; raises InvalidMember for `cron`."""
    upper = text.upper()
    if upper == "L":
        return _weekdays((DAY_OF_WEEK.high,))
    if last := LAST_OF_WEEKDAY.fullmatch(upper):
        weekday = value_of(DAY_OF_WEEK, text, last["weekday"])
        return _table(lambda first, length: _all_of(weekday, first, length)[-1:])
    if nth := NTH_OF_WEEKDAY.fullmatch(upper):
        return _nth_weekday(text, nth["weekday"], int(nth["nth"]))
    if "#" in upper:
        raise refused(DAY_OF_WEEK, text, 'uses "#" in a list or without its two numbers')
    return _weekdays(expand(DAY_OF_WEEK, text))


def _nth_weekday(text: str, written: str, nth: int) -> DayTable:
    weekday = value_of(DAY_OF_WEEK, text, written)
    if not 1 <= nth <= _MOST_OF_ONE_WEEKDAY:
        raise refused(
            DAY_OF_WEEK,
            text,
            f"asks for weekday number {nth} of the month",
            f'After "#" use a number from 1 to {_MOST_OF_ONE_WEEKDAY}.',
        )
    return _table(lambda first, length: _all_of(weekday, first, length)[nth - 1 : nth])


def _weekdays(weekdays: tuple[int, ...]) -> DayTable:
    return _table(
        lambda first, length: tuple(
            sorted(day for weekday in weekdays for day in _all_of(weekday, first, length))
        )
    )


def _all_of(weekday: int, first_weekday: int, length: int) -> tuple[int, ...]:
    # Quartz counts from Sunday, 1; the shapes count from Monday, 0.
    first_day = (weekday - 2 - first_weekday) % DAYS_IN_WEEK + 1
    return tuple(range(first_day, length + 1, DAYS_IN_WEEK))
