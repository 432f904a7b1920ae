"""Transitions: the changes of a zone's clock, grouped by the times of day at which they happen.

A zone has hundreds of changes, but at few times of day. So it is decided once for each of these
times, before any date is examined, whether a change can bring two firings close together.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from app.domain import clocks
from app.domain.clocks import DAY, Clock
from app.domain.quartz.evaluation import earlier_today, falls_on, later_today
from app.domain.quartz.schedule import Schedule


class _Transition(NamedTuple):
    """A change, by index: wall-clock times up to `stop` are before it, those from `start` after."""

    number: int
    stop: int
    start: int


def may_bring_closer(clock: Clock, schedule: Schedule, limit: int, *, first: int) -> Iterator[bool]:
    """Yield whether firings may be less than `limit` seconds apart across a change of the clock.

    One value is yielded for each change from index `first` on at whose times of day that is
    possible; `limit` is at most a day.
    """
    for (stop, start), group in _by_time_of_day(clock).items():
        if _since_time(schedule, stop) + _until_time(schedule, start) < limit:
            for transition in group:
                if transition.number >= first:
                    yield _has_dates(schedule, transition, limit)


@lru_cache(maxsize=512)
def _by_time_of_day(clock: Clock) -> dict[tuple[int, int], list[_Transition]]:
    pieces = [clocks.piece(clock, number) for number in range(len(clock.zone.offsets))]
    found: dict[tuple[int, int], list[_Transition]] = {}
    for number in range(len(clock.zone.changes)):
        stop, start = pieces[number].stop, pieces[number + 1].start
        found.setdefault((stop % DAY, start % DAY), []).append(_Transition(number, stop, start))
    return found


def _since_time(schedule: Schedule, time: int) -> int:
    """Return the seconds from the last time of day before `time`, on any date, to `time`."""
    found = earlier_today(schedule, clocks.wall_time(time))
    if found is None:
        return time + DAY - _seconds(schedule.hours[-1], schedule.minutes[-1], schedule.seconds[-1])
    return time - _seconds(*found)


def _until_time(schedule: Schedule, time: int) -> int:
    """Return the seconds from `time` to the first time of day from then on, on any date."""
    opening = _seconds(schedule.hours[0], schedule.minutes[0], schedule.seconds[0])
    if time <= opening:
        return opening - time
    found = later_today(schedule, clocks.wall_time(time - 1))
    return opening + DAY - time if found is None else _seconds(*found) - time


def _has_dates(schedule: Schedule, transition: _Transition, limit: int) -> bool:
    """Return whether the schedule has dates within `limit` both before and after a change."""
    before, after = (
        (transition.stop - limit, transition.stop - 1),
        (transition.start, transition.start + limit),
    )
    return all(
        any(_falls_within(schedule, clocks.wall_time(each)) for each in side)
        for side in (before, after)
    )


def _falls_within(schedule: Schedule, wall: datetime) -> bool:
    return falls_on(schedule, wall.year, wall.month, wall.day)


def _seconds(hour: int, minute: int, second: int) -> int:
    return hour * 3600 + minute * 60 + second
