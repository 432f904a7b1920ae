"""Gap: how close together a schedule fires in UTC, computed from its fields, not from its firings.

Every matching date has the same times of day, so the smallest gap is within one date, or between
the two closest matching dates.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Final

from app.domain.quartz.evaluation import next_after
from app.domain.quartz.schedule import FIRST_YEAR, Schedule, shape_of

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_ENDLESS: Final = date.max.toordinal()
_BEGINNING: Final = datetime(FIRST_YEAR - 1, 12, 31, tzinfo=UTC)


def minimum_gap(schedule: Schedule, *, after: datetime = _BEGINNING) -> int | None:
    """Return the fewest seconds between two firings; None if fewer than two are left.

    Counted are all firings on the date of the first one strictly after `after` (aware), and on
    every later date.
    """
    first = next_after(schedule, after)
    if first is None:
        return None
    gaps = gaps_within_a_day(schedule)
    days = closest_dates(schedule, first.date())
    if days is not None:
        gaps.append((days - 1) * _DAY + overnight(schedule))
    return min(gaps, default=None)


def gap_below(schedule: Schedule, limit: int, *, after: datetime) -> int | None:
    """Return the smallest gap if it is less than `limit` seconds, else None.

    For most schedules, the times of day alone show that it is not, at a fraction of the cost.
    """
    if least_gap(schedule) >= limit:
        return None
    gap = minimum_gap(schedule, after=after)
    return gap if gap is not None and gap < limit else None


def least_gap(schedule: Schedule) -> int:
    """Return a lower bound of all gaps in seconds, as if every date matched."""
    return min([*gaps_within_a_day(schedule), overnight(schedule)])


def gaps_within_a_day(schedule: Schedule) -> list[int]:
    """Return the gaps between the times of a matching date; empty if there is one time."""
    seconds, minutes, hours = schedule.seconds, schedule.minutes, schedule.hours
    in_minute = seconds[-1] - seconds[0]
    in_hour = (minutes[-1] - minutes[0]) * _MINUTE + in_minute
    gaps = [later - earlier for earlier, later in pairwise(seconds)]
    gaps += [(later - earlier) * _MINUTE - in_minute for earlier, later in pairwise(minutes)]
    gaps += [(later - earlier) * _HOUR - in_hour for earlier, later in pairwise(hours)]
    return gaps


def overnight(schedule: Schedule) -> int:
    """Return the seconds from the last firing of a date to the first of the next matching date."""
    hours, minutes, seconds = schedule.hours, schedule.minutes, schedule.seconds
    span = (hours[-1] - hours[0]) * _HOUR + (minutes[-1] - minutes[0]) * _MINUTE
    return _DAY - span - (seconds[-1] - seconds[0])


def closest_dates(schedule: Schedule, start: date, end: date | None = None) -> int | None:
    """Return the fewest days between two matching dates from `start`, which matches, to `end`.

    None if only `start` matches.
    """
    years = schedule.years[bisect_right(schedule.years, start.year) :]
    opening = _dates_in(schedule, start.year)
    opening = opening[bisect_left(opening, start.toordinal()) :]
    closing: list[int] = []
    if end is not None and end.year == start.year:
        opening, years = opening[: bisect_right(opening, end.toordinal())], ()
    elif end is not None:
        years = years[: bisect_left(years, end.year)]
        if end.year in schedule.years:
            closing = _dates_in(schedule, end.year)
            closing = closing[: bisect_right(closing, end.toordinal())]
    closest, previous = _spacing(opening), opening[-1]
    # There are fourteen kinds of year; each is computed once.
    known: dict[tuple[int, int], tuple[int, int, int]] = {}
    for year in years:
        if closest == 1:
            break
        kind = shape_of(year, 1), shape_of(year, 2)
        if kind not in known:
            known[kind] = _span(_dates_in(schedule, year), year)
        first, last, spacing = known[kind]
        if spacing:
            new_year = date(year, 1, 1).toordinal()
            closest = min(closest, spacing, new_year + first - previous)
            previous = new_year + last
    if closing and closest > 1:
        closest = min(closest, _spacing(closing), closing[0] - previous)
    return None if closest == _ENDLESS else closest


def _dates_in(schedule: Schedule, year: int) -> list[int]:
    return [
        before_first + day
        for month in schedule.months
        for before_first in [date(year, month, 1).toordinal() - 1]
        for day in schedule.days[shape_of(year, month)]
    ]


def _span(dates: list[int], year: int) -> tuple[int, int, int]:
    """Return the first and last matching day from 1 January, and their spacing; 0 without any."""
    if not dates:
        return 0, 0, 0
    new_year = date(year, 1, 1).toordinal()
    return dates[0] - new_year, dates[-1] - new_year, _spacing(dates)


def _spacing(dates: list[int]) -> int:
    return min((later - earlier for earlier, later in pairwise(dates)), default=_ENDLESS)
