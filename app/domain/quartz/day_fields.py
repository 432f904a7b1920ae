"""Day fields: two fields of plain days, as crontab and Dapr have them: their dates and meaning.

Quartz has one day field that counts; crontab and Dapr may have two.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from app.domain.quartz.description import (
    SHORT_MONTHS,
    SHORTEST_MONTH,
    describe_days_of_month,
    describe_months,
    describe_weekdays,
)
from app.domain.quartz.schedule import DAYS_IN_WEEK, SHAPES, DayTable

_BOTH: Final = "day-of-month and day-of-week: "
_DAYS_OF_MONTH: Final = 31


class DayFields(NamedTuple):
    """The values of the two day fields, each ascending."""

    month: tuple[int, ...]
    """Days of the month, from 1 to 31."""
    week: tuple[int, ...]
    """Days of the week, from 0 (Sunday) to 6."""
    match_both: bool
    """Whether a date must match both fields; otherwise one is enough."""


@lru_cache(maxsize=1024)
def day_table(fields: DayFields) -> DayTable:
    """Return the days on which a schedule with these fields fires."""
    month_days, week_days = set(fields.month), set(fields.week)
    return tuple(
        tuple(
            day
            for day in range(1, length + 1)
            # The fields count from Sunday, 0; the shapes count from Monday, 0.
            for on_date in [day in month_days]
            for on_weekday in [(first_weekday + day) % DAYS_IN_WEEK in week_days]
            if (on_date and on_weekday if fields.match_both else on_date or on_weekday)
        )
        for first_weekday, length in SHAPES
    )


def describe_day_fields(fields: DayFields, months: tuple[int, ...]) -> str | None:
    """Return the meaning of the two fields and of `months`; None where they are every day."""
    whole_month, whole_week = _are_whole(fields)
    if whole_month and whole_week:
        return None
    named, days = describe_months(months), name_day_fields(fields)
    short = SHORT_MONTHS if max(fields.month, default=0) > SHORTEST_MONTH else ""
    if whole_month or whole_week:
        if not fields.match_both:
            return f"{_BOTH}both are given, and either is enough: every day{named}."
        if whole_week:
            return f"{_BOTH}only day-of-month counts, {days}{named}{short}."
        return f"{_BOTH}only day-of-week counts, {days}{named}."
    rule = 'both must match, as one begins with "*"' if fields.match_both else "either is enough"
    return f"{_BOTH}both are given, and {rule}: {days}{named}{short}."


def warn_of_day_fields(fields: DayFields, months: tuple[int, ...]) -> str | None:
    """Return the meaning of the two fields if it may surprise; None for ordinary days.

    It may if both fields restrict the days, or if shorter months lack some of them.
    """
    whole_month, whole_week = _are_whole(fields)
    is_by_date = whole_week and max(fields.month, default=0) <= SHORTEST_MONTH
    if fields.match_both and (whole_month or is_by_date):
        return None
    return describe_day_fields(fields, months)


def name_day_fields(fields: DayFields) -> str | None:
    """Return the days of the two fields, without months; None for every day."""
    whole_month, whole_week = _are_whole(fields)
    if (whole_month and whole_week) or ((whole_month or whole_week) and not fields.match_both):
        return None
    # Read aloud the week begins on Monday.
    weekdays = sorted((day - 1) % DAYS_IN_WEEK for day in fields.week)
    parts = []
    if fields.month and not whole_month:
        parts.append(describe_days_of_month(fields.month))
    if weekdays and not whole_week:
        parts.append(describe_weekdays(weekdays))
    return (", but only " if fields.match_both else ", and also ").join(parts)


def _are_whole(fields: DayFields) -> tuple[bool, bool]:
    """Whether the day-of-month field has all days, and whether the day-of-week field has."""
    return len(fields.month) == _DAYS_OF_MONTH, len(fields.week) == DAYS_IN_WEEK
