"""Description: what the day fields of a Dapr expression mean, in plain English."""

from __future__ import annotations

from app.domain.dapr.days import day_fields
from app.domain.dapr.reader import Fields
from app.domain.quartz.day_fields import describe_day_fields, name_day_fields


def describe_days(fields: Fields) -> str | None:
    """What the two day fields mean; None where both leave every day open."""
    days = day_fields(fields.days_of_month, fields.days_of_week)
    return describe_day_fields(days, fields.schedule.months)


def name_days(fields: Fields) -> str | None:
    """The days of the schedule, without its months; None for every day."""
    return name_day_fields(day_fields(fields.days_of_month, fields.days_of_week))
