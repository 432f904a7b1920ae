"""Evaluation: finds the firing next to a time in a schedule's expanded fields, not by trying times.

A firing is a wall-clock time: in UTC, or on a zone's clock (local.py).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime

from app.domain.quartz.schedule import Schedule, shape_of


def next_after(schedule: Schedule, after: datetime) -> datetime | None:
    """Return the first firing strictly after `after` (aware), in UTC; None if none is left.

    The fields are evaluated in UTC.
    """
    return next_wall(schedule, after if after.tzinfo is UTC else after.astimezone(UTC))


def next_wall(schedule: Schedule, wall: datetime) -> datetime | None:
    """Return the first matching whole second after `wall`, with the tzinfo of `wall`."""
    year, month, day = wall.year, wall.month, wall.day
    if falls_on(schedule, year, month, day):
        time = later_today(schedule, wall)
        if time is not None:
            return datetime(year, month, day, *time, tzinfo=wall.tzinfo)
    date = _later_date(schedule, year, month, day)
    if date is None:
        return None
    return datetime(
        *date,
        schedule.hours[0],
        schedule.minutes[0],
        schedule.seconds[0],
        tzinfo=wall.tzinfo,
    )


def last_wall(schedule: Schedule, wall: datetime) -> datetime | None:
    """Return the last matching whole second before `wall` (a whole second, naive)."""
    year, month, day = wall.year, wall.month, wall.day
    if falls_on(schedule, year, month, day):
        time = earlier_today(schedule, wall)
        if time is not None:
            return datetime(year, month, day, *time)  # noqa: DTZ001 - wall-clock times are naive
    date = _earlier_date(schedule, year, month, day)
    if date is None:
        return None
    time = schedule.hours[-1], schedule.minutes[-1], schedule.seconds[-1]
    return datetime(*date, *time)  # noqa: DTZ001 - wall-clock times are naive


def falls_on(schedule: Schedule, year: int, month: int, day: int) -> bool:
    """Whether the schedule has this date."""
    years = schedule.years
    position = bisect_left(years, year)
    return (
        position < len(years)
        and years[position] == year
        and month in schedule.months
        and day in schedule.days[shape_of(year, month)]
    )


def later_today(schedule: Schedule, wall: datetime) -> tuple[int, int, int] | None:
    """The first time of day after that of `wall`; None where there is none."""
    hours, minutes, seconds = schedule.hours, schedule.minutes, schedule.seconds
    hour, minute = wall.hour, wall.minute
    if hour in hours:
        if minute in minutes:
            later = bisect_right(seconds, wall.second)
            if later < len(seconds):
                return hour, minute, seconds[later]
        later = bisect_right(minutes, minute)
        if later < len(minutes):
            return hour, minutes[later], seconds[0]
    later = bisect_right(hours, hour)
    if later < len(hours):
        return hours[later], minutes[0], seconds[0]
    return None


def _later_date(schedule: Schedule, year: int, month: int, day: int) -> tuple[int, int, int] | None:
    years, months, days = schedule.years, schedule.months, schedule.days
    position = bisect_left(years, year)
    if position < len(years) and years[position] == year:
        for candidate in months[bisect_left(months, month) :]:
            matching = days[shape_of(year, candidate)]
            later = bisect_right(matching, day) if candidate == month else 0
            if later < len(matching):
                return year, candidate, matching[later]
        position += 1
    for later_year in years[position:]:
        for candidate in months:
            matching = days[shape_of(later_year, candidate)]
            if matching:
                return later_year, candidate, matching[0]
    return None


def earlier_today(schedule: Schedule, wall: datetime) -> tuple[int, int, int] | None:
    """The last time of day before that of `wall`; None where there is none."""
    hours, minutes, seconds = schedule.hours, schedule.minutes, schedule.seconds
    hour, minute = wall.hour, wall.minute
    if hour in hours:
        if minute in minutes:
            earlier = bisect_left(seconds, wall.second)
            if earlier:
                return hour, minute, seconds[earlier - 1]
        earlier = bisect_left(minutes, minute)
        if earlier:
            return hour, minutes[earlier - 1], seconds[-1]
    earlier = bisect_left(hours, hour)
    if earlier:
        return hours[earlier - 1], minutes[-1], seconds[-1]
    return None


def _earlier_date(
    schedule: Schedule, year: int, month: int, day: int
) -> tuple[int, int, int] | None:
    years, months, days = schedule.years, schedule.months, schedule.days
    position = bisect_left(years, year)
    if position < len(years) and years[position] == year:
        for candidate in reversed(months[: bisect_right(months, month)]):
            matching = days[shape_of(year, candidate)]
            earlier = bisect_left(matching, day) if candidate == month else len(matching)
            if earlier:
                return year, candidate, matching[earlier - 1]
    for earlier_year in reversed(years[:position]):
        for candidate in reversed(months):
            matching = days[shape_of(earlier_year, candidate)]
            if matching:
                return earlier_year, candidate, matching[-1]
    return None
