"""Reader: parses the text of an expression strictly, into a Schedule."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from app.domain.checks import quoted
from app.domain.quartz.days import days_of_month, days_of_week
from app.domain.quartz.expansion import expand
from app.domain.quartz.fields import HOURS, MINUTES, MONTH, SECONDS, YEAR
from app.domain.quartz.schedule import DayTable, Schedule
from app.errors import InvalidMember

MAX_EXPRESSION: Final = 255

_MIN_FIELDS: Final = 6
_MAX_FIELDS: Final = 7
_FOREIGN: Final = re.compile(r"[^0-9A-Za-z*?/,\-# \t]")
_BLANKS: Final = re.compile(r"[ \t]+")
_SHAPE: Final = (
    "Write seconds, minutes, hours, day-of-month, month, day-of-week and, if wanted, year, "
    'separated by spaces: for example "0 15 10 ? * MON-FRI".'
)
_ONE_DAY_FIELD: Final = (
    'Give the days in one of the two day fields and "?" in the other: '
    '"0 0 12 1 * ?" is the first of the month, "0 0 12 ? * MON" every Monday.'
)


def parse(expression: str) -> Schedule:
    """Return the schedule of a Quartz expression of six or seven fields.

    Raises InvalidMember for `cron`, with the field, its invalid part and the remedy. The results
    are kept in a bounded cache, because a scheduler evaluates the same expressions repeatedly.
    """
    return _read(expression)


@lru_cache(maxsize=16384)
def _read(expression: str) -> Schedule:
    fields = _split(expression)
    seconds, minutes, hours, month_days, months, week_days = fields[:_MIN_FIELDS]
    return Schedule(
        seconds=expand(SECONDS, seconds),
        minutes=expand(MINUTES, minutes),
        hours=expand(HOURS, hours),
        days=_days(month_days, week_days),
        months=expand(MONTH, months),
        years=expand(YEAR, fields[_MIN_FIELDS] if len(fields) == _MAX_FIELDS else "*"),
    )


def check_length(expression: str) -> None:
    """Check the length of an expression; raises InvalidMember for `cron`."""
    if len(expression) > MAX_EXPRESSION:
        raise InvalidMember(
            "cron",
            f"The expression is {len(expression)} characters long.",
            remedy=f"Use at most {MAX_EXPRESSION} characters.",
        )


def _split(expression: str) -> list[str]:
    check_length(expression)
    if foreign := _FOREIGN.search(expression):
        raise InvalidMember(
            "cron",
            f"The expression has {quoted(foreign[0])} at character {foreign.start() + 1}, "
            "which a Quartz expression cannot contain.",
            remedy=_SHAPE,
        )
    fields = _BLANKS.split(expression.strip(" \t")) if expression.strip(" \t") else []
    if not _MIN_FIELDS <= len(fields) <= _MAX_FIELDS:
        raise InvalidMember(
            "cron",
            f"The expression has {len(fields)} field{'' if len(fields) == 1 else 's'}, "
            "but a Quartz expression has six or seven.",
            remedy=_SHAPE,
        )
    return fields


def _days(month_days: str, week_days: str) -> DayTable:
    if month_days == week_days == "?":
        raise InvalidMember("cron", 'Both day fields are "?".', remedy=_ONE_DAY_FIELD)
    if week_days == "?":
        return days_of_month(month_days)
    by_week = days_of_week(week_days)
    if month_days == "?":
        return by_week
    by_month = days_of_month(month_days)
    if not month_days == week_days == "*":
        raise InvalidMember(
            "cron",
            f"Both day fields are given: day-of-month {quoted(month_days)} and "
            f"day-of-week {quoted(week_days)}.",
            remedy=_ONE_DAY_FIELD,
        )
    return by_month
