"""Evaluation: the next firing of a schedule, found in its expanded fields without walking.

A firing is a wall-clock time. In a zone, a wall-clock time that the clock skips does not fire,
and one that it shows twice fires once, at the second showing: as Quartz does.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.quartz.schedule import Schedule, shape_of

_SECOND: Final = timedelta(seconds=1)


def next_after(
    schedule: Schedule, after: datetime, zone: ZoneInfo | None = None
) -> datetime | None:
    """The first firing strictly after `after` (aware), in UTC; None when none is left.

    The fields are read as wall-clock time of `zone`, without one as UTC.
    """
    if zone is not None:
        return _next_in_zone(schedule, after, zone)
    wall = after if after.tzinfo is UTC else after.astimezone(UTC)
    return _next_wall(schedule, wall)


def _next_wall(schedule: Schedule, wall: datetime) -> datetime | None:
    """The first matching whole second after `wall`, which lends its tzinfo and nothing more."""
    year, month, day = wall.year, wall.month, wall.day
    if _falls_on(schedule, year, month, day):
        time = _later_today(schedule, wall)
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


def _falls_on(schedule: Schedule, year: int, month: int, day: int) -> bool:
    years = schedule.years
    position = bisect_left(years, year)
    return (
        position < len(years)
        and years[position] == year
        and month in schedule.months
        and day in schedule.days[shape_of(year, month)]
    )


def _later_today(schedule: Schedule, wall: datetime) -> tuple[int, int, int] | None:
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


def _next_in_zone(schedule: Schedule, after: datetime, zone: ZoneInfo) -> datetime | None:
    wall = _second_showing(after.astimezone(zone), zone)
    while (found := _next_wall(schedule, wall)) is not None:
        instant = found.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == found:
            return instant
        # The clock skips this time: go on from just before the first time it shows again.
        skipped_to = _clock_change(instant, found.replace(tzinfo=zone).astimezone(UTC), zone)
        wall = skipped_to.replace(tzinfo=None) - _SECOND
    return None


def _second_showing(wall: datetime, zone: ZoneInfo) -> datetime:
    """`wall` without its zone, moved to the end of the first showing if it lies in one."""
    again = wall.replace(fold=1)
    if wall.utcoffset() == again.utcoffset():
        return wall.replace(tzinfo=None, fold=0)
    change = _clock_change(wall.astimezone(UTC), again.astimezone(UTC), zone)
    return change.replace(tzinfo=None, fold=0) - _SECOND


def _clock_change(before: datetime, until: datetime, zone: ZoneInfo) -> datetime:
    """The first whole second in (`before`, `until`] whose offset differs from `before`'s."""
    start = before.replace(microsecond=0)
    offset = start.astimezone(zone).utcoffset()
    low, high = 0, int((until - start).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (start + middle * _SECOND).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return (start + high * _SECOND).astimezone(zone)
