"""Summary: a whole expression in English, such as "at 10:15 on the last Friday of the month"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.domain.quartz.description import describe_months, joined, name_days
from app.domain.quartz.reader import parse
from app.domain.quartz.schedule import FIRST_YEAR, LAST_YEAR
from app.domain.quartz.times_text import Times, describe_times

_UTC: Final = "UTC"
_ALL_YEARS: Final = LAST_YEAR - FIRST_YEAR + 1
_MAX_YEARS: Final = 4
"""The most years that are listed one by one."""


def summarize(expression: str, zone: str = _UTC) -> str:
    """Return when a Quartz expression fires on the clock of `zone`; raises InvalidMember."""
    schedule = parse(expression)
    times = describe_times(schedule.seconds, schedule.minutes, schedule.hours)
    return compose(times, name_days(expression), schedule.months, schedule.years, zone)


def compose(
    times: Times, days: str | None, months: Sequence[int], years: Sequence[int], zone: str
) -> str:
    """Return times of day, days (None for every day), months and years as one text."""
    when = describe_months(months) + _in_years(years)
    if days is not None:
        text = f"{times.text}{' ' if times.are_listed else ', '}{days}{when}"
    else:
        text = f"{'every day ' if times.are_listed else ''}{times.text}{when}"
    # Without a time or a day in it, the text is true on any clock.
    return text if times.are_all_day and days is None and not when else f"{text}, {zone}"


def _in_years(years: Sequence[int]) -> str:
    if len(years) == _ALL_YEARS:
        return ""
    if len(years) <= _MAX_YEARS:
        return f", in {joined([str(year) for year in years])}"
    if years[-1] - years[0] + 1 == len(years):
        return f", from {years[0]} to {years[-1]}"
    return f", in {len(years)} years from {years[0]} to {years[-1]}"
