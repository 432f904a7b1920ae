"""Days: expands the two day fields to the matching days of every possible shape of a month."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from app.domain.checks import quoted
from app.domain.quartz.expansion import expand, expand_item, value_of
from app.domain.quartz.fields import DAY_OF_MONTH, DAY_OF_WEEK, refused
from app.domain.quartz.schedule import DAYS_IN_WEEK, SHAPES, DayTable

LAST: Final = re.compile(r"L(?:-(?P<before>[0-9]+))?(?P<weekday>W)?")
NEAREST: Final = re.compile(r"(?P<day>[0-9]+)W")
LAST_OF_WEEKDAY: Final = re.compile(r"(?P<weekday>[0-9]+|[A-Z]+)L")
NTH_OF_WEEKDAY: Final = re.compile(r"(?P<weekday>[0-9]+|[A-Z]+)#(?P<nth>[0-9]+)")

_WEEKDAYS: Final = {*DAY_OF_WEEK.names, *map(str, range(DAY_OF_WEEK.low, DAY_OF_WEEK.high + 1))}
_MAX_BEFORE_LAST: Final = 30
_MAX_OF_ONE_WEEKDAY: Final = 5
_SATURDAY: Final = 5
_SUNDAY: Final = 6

_DaysOf = Callable[[int, int], tuple[int, ...]]
"""Returns the matching days of a month, from the weekday of its first day and its length."""


def _table(days_of: _DaysOf) -> DayTable:
    return tuple(days_of(first_weekday, length) for first_weekday, length in SHAPES)


@lru_cache(maxsize=1024)
def days_of_month(text: str) -> DayTable:
    """Expand the day-of-month field, which is not `?`; raises InvalidMember for `cron`."""
    # Lists with L and W are accepted as by Quartz 2.5; before, they had to be the only item.
    parts = [_days_of_item(text, item) for item in text.upper().split(",")]
    if len(parts) == 1:
        return _table(parts[0])
    return _table(
        lambda first, length: tuple(sorted({day for days in parts for day in days(first, length)}))
    )


def _days_of_item(text: str, item: str) -> _DaysOf:
    """The days of one item of the list `text`."""
    if last := LAST.fullmatch(item):
        return _before_last(text, last["before"], weekday=last["weekday"] is not None)
    if nearest := NEAREST.fullmatch(item):
        day = value_of(DAY_OF_MONTH, text, nearest["day"])
        return lambda first, length: _nearest_weekday(day, first, length)
    _refuse_other_marks(item, text)
    days = tuple(expand_item(DAY_OF_MONTH, text, item))
    return lambda _, length: tuple(day for day in sorted(days) if day <= length)


def _before_last(text: str, digits: str | None, *, weekday: bool) -> _DaysOf:
    before = int(digits or 0)
    if before > _MAX_BEFORE_LAST:
        raise refused(
            DAY_OF_MONTH,
            text,
            f"counts {before} days back from the last of the month",
            f'After "L-" use a number from 0 to {_MAX_BEFORE_LAST}.',
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


def _refuse_other_marks(item: str, text: str) -> None:
    """Refuse items that only day-of-week has, and marks that no field has; raises InvalidMember."""
    last = LAST_OF_WEEKDAY.fullmatch(item)
    if NTH_OF_WEEKDAY.fullmatch(item) or (last and last["weekday"] in _WEEKDAYS):
        raise refused(
            DAY_OF_MONTH,
            text,
            f"has {quoted(item)}, which belongs to day-of-week",
            f'Write "?" here, and {item} in the day-of-week field.',
        )
    if "L" in item or "W" in item:
        raise refused(
            DAY_OF_MONTH,
            text,
            'uses "L" or "W" in a way that has no meaning',
            'Use "L", "L-3", "LW", "L-3W" or "15W", alone or in a list.',
        )


@lru_cache(maxsize=1024)
def days_of_week(text: str) -> DayTable:
    """Expand the day-of-week field, which is not `?`; raises InvalidMember for `cron`."""
    upper = text.upper()
    if upper == "L":
        return _weekdays((DAY_OF_WEEK.high,))
    if last := LAST_OF_WEEKDAY.fullmatch(upper):
        weekday = value_of(DAY_OF_WEEK, text, last["weekday"])
        return _table(lambda first, length: _all_of(weekday, first, length)[-1:])
    if nth := NTH_OF_WEEKDAY.fullmatch(upper):
        return _nth_weekday(text, nth["weekday"], int(nth["nth"]))
    _refuse_list_of_marks(upper, text)
    return _weekdays(expand(DAY_OF_WEEK, text))


def _refuse_list_of_marks(upper: str, text: str) -> None:
    """Refuse items that only day-of-month has, and lists with L or #; raises InvalidMember."""
    items = upper.split(",")
    for item in items:
        if item != "L" and (LAST.fullmatch(item) or NEAREST.fullmatch(item)):
            raise refused(
                DAY_OF_WEEK,
                text,
                f"has {quoted(item)}, which belongs to day-of-month",
                f'Write {item} in the day-of-month field, and "?" here.',
            )
        if items[1:] and (item == "L" or LAST_OF_WEEKDAY.fullmatch(item) or "#" in item):
            raise refused(
                DAY_OF_WEEK,
                text,
                f"has {quoted(item)} in a list, which Quartz does not take",
                "Book a job for each day of the list; in Fusion, give a trigger for each.",
            )
    if "#" in upper:
        raise refused(DAY_OF_WEEK, text, 'uses "#" without its two numbers')


def _nth_weekday(text: str, written: str, nth: int) -> DayTable:
    weekday = value_of(DAY_OF_WEEK, text, written)
    if not 1 <= nth <= _MAX_OF_ONE_WEEKDAY:
        raise refused(
            DAY_OF_WEEK,
            text,
            f"asks for weekday number {nth} of the month",
            f'After "#" use a number from 1 to {_MAX_OF_ONE_WEEKDAY}.',
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
