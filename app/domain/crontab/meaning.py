"""Meaning: a crontab expression in English."""

from __future__ import annotations

from app.domain.crontab.reader import day_fields, parse, split_fields
from app.domain.quartz.day_fields import describe_day_fields, name_day_fields, warn_of_day_fields
from app.domain.quartz.summary import compose
from app.domain.quartz.times_text import describe_times


def describe_days(expression: str) -> str | None:
    """Return the meaning of the two day fields of a readable expression; None for every day."""
    return describe_day_fields(day_fields(split_fields(expression)), parse(expression).months)


def warn_of_days(expression: str) -> str | None:
    """Return the meaning of the two day fields of a readable expression, if it may surprise."""
    return warn_of_day_fields(day_fields(split_fields(expression)), parse(expression).months)


def summarize(expression: str, zone: str) -> str:
    """Return when an expression fires on the clock of `zone`; raises InvalidMember."""
    schedule = parse(expression)
    times = describe_times(schedule.seconds, schedule.minutes, schedule.hours)
    days = name_day_fields(day_fields(split_fields(expression)))
    return compose(times, days, schedule.months, schedule.years, zone)
