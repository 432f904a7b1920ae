"""DST changes: the changes of a zone's clock that affect the firings of a schedule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from app.domain import clocks
from app.domain.clocks import DAY, Clock, OnOverlap
from app.domain.quartz.evaluation import last_wall
from app.domain.quartz.local import following
from app.domain.quartz.schedule import Schedule

MAX_TIMES: Final = 3
_MINUTES_OF_DAY: Final = DAY // 60


@dataclass(frozen=True, kw_only=True, slots=True)
class DstChange:
    """A change of the clock at `instant` (UTC), from the wall-clock time `before` to `after`.

    `times` are the first wall-clock times of the schedule that do not exist, if the clock goes
    forward, or that are shown twice, if it goes back; `more` tells whether there are others.
    `pause` are the firings before and after the repeated hour in which nothing fires, if they are
    further apart than any two consecutive times of a day.
    """

    instant: datetime
    before: datetime
    after: datetime
    times: tuple[datetime, ...]
    more: bool
    pause: tuple[datetime, datetime] | None


def find_dst_changes(
    clock: Clock, schedule: Schedule, *, after: datetime, until: datetime
) -> Iterator[DstChange]:
    """Yield the changes after `after`, up to `until` (aware), that affect a time of a schedule."""
    zone = clock.zone
    first, last = (clocks.index_at(clock, clocks.whole_seconds(each)) for each in (after, until))
    for index in range(first, last):
        change = zone.changes[index]
        before, now = (change + zone.offsets[index + step] for step in (0, 1))
        times: list[int] = []
        found = following(schedule, min(before, now))
        while found is not None and found < max(before, now) and len(times) <= MAX_TIMES:
            times.append(found)
            found = following(schedule, found + 1)
        if times:
            yield DstChange(
                instant=clocks.instant(change),
                before=clocks.wall_time(before),
                after=clocks.wall_time(now),
                times=tuple(map(clocks.wall_time, times[:MAX_TIMES])),
                more=len(times) > MAX_TIMES,
                pause=_pause(clock, schedule, change, before, now) if now < before else None,
            )


def _pause(
    clock: Clock, schedule: Schedule, change: int, before: int, now: int
) -> tuple[datetime, datetime] | None:
    """Return the pause around a clock that goes back from `before` to `now` at `change`."""
    if clock.on_overlap is OnOverlap.BOTH:
        return None
    # The showing that does not count begins, and the wall-clock times that count go on, here.
    resumed = now if clock.on_overlap is OnOverlap.SECOND else before
    last = last_wall(schedule, clocks.wall_time(resumed))
    first = following(schedule, resumed)
    if last is None or first is None:
        return None
    apart = first - clocks.whole_seconds(last)
    longest = _longest_of_day(schedule)
    # One time of day has no rhythm; and days that are left out are as far apart at any time.
    if longest >= DAY or not apart <= longest < apart + before - now:
        return None
    end = clocks.instant(first - (now - change))
    return end - timedelta(seconds=apart + before - now), end


def _longest_of_day(schedule: Schedule) -> int:
    """Return the most seconds between two consecutive times of day, including over midnight."""
    minutes = [60 * hour + minute for hour in schedule.hours for minute in schedule.minutes]
    first, last = schedule.seconds[0], schedule.seconds[-1]
    around = [*minutes, minutes[0] + _MINUTES_OF_DAY]
    return max(
        *(60 * (later - earlier) + first - last for earlier, later in pairwise(around)),
        *(later - earlier for earlier, later in pairwise(schedule.seconds)),
        0,
    )
