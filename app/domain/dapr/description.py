"""Description: what the day fields of a Dapr expression mean, in plain English."""

from __future__ import annotations

from typing import Final

from app.domain.dapr.fields import DAY_OF_MONTH, DAY_OF_WEEK
from app.domain.dapr.reader import Fields
from app.domain.quartz.description import (
    SHORT_MONTHS,
    SHORTEST_MONTH,
    describe_days_of_month,
    describe_months,
    describe_weekdays,
)

_BOTH: Final = "day-of-month and day-of-week: "
_WEEK: Final = 7


def describe_days(fields: Fields) -> str | None:
    """What the two day fields mean; None where both leave every day open."""
    by_month, by_week = fields.days_of_month, fields.days_of_week
    months = describe_months(fields.schedule.months)
    whole_month, whole_week = _are_whole(fields)
    if whole_month and whole_week:
        return None
    short = SHORT_MONTHS if max(by_month.values, default=0) > SHORTEST_MONTH else ""
    days = name_days(fields)
    if whole_month or whole_week:
        if not (by_month.star or by_week.star):
            return f"{_BOTH}both are given, and either is enough: every day{months}."
        if whole_week:
            return f"{_BOTH}only day-of-month counts, {days}{months}{short}."
        return f"{_BOTH}only day-of-week counts, {days}{months}."
    return f"{_BOTH}both are given, and either is enough: {days}{months}{short}."


def name_days(fields: Fields) -> str | None:
    """The days of the schedule, without its months; None for every day."""
    by_month, by_week = fields.days_of_month, fields.days_of_week
    whole_month, whole_week = _are_whole(fields)
    if whole_month and whole_week:
        return None
    if (whole_month or whole_week) and not (by_month.star or by_week.star):
        return None
    # Dapr counts from Sunday, 0; read aloud the week begins on Monday.
    weekdays = sorted((day - 1) % _WEEK for day in by_week.values)
    parts = []
    if by_month.values and not whole_month:
        parts.append(describe_days_of_month(by_month.values))
    if weekdays and not whole_week:
        parts.append(describe_weekdays(weekdays))
    return ", and also ".join(parts)


def _are_whole(fields: Fields) -> tuple[bool, bool]:
    """Whether the day-of-month field has all days, and whether the day-of-week field has."""
    return (
        len(fields.days_of_month.values) == DAY_OF_MONTH.high,
        len(fields.days_of_week.values) == DAY_OF_WEEK.high + 1,
    )
