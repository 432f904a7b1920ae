"""Disturbances: the clock changes that hit the times of a schedule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.domain import clocks
from app.domain.clocks import Clock
from app.domain.quartz.local import following
from app.domain.quartz.schedule import Schedule

MOST_TIMES: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Disturbance:
    """A change of the clock at `instant` (UTC), which it shows as `before` and as `after`.

    `times` are the first of the schedule's wall-clock times that do not exist, where the clock
    goes forward, or that are shown twice, where it goes back; `more` if there are others.
    """

    instant: datetime
    before: datetime
    after: datetime
    times: tuple[datetime, ...]
    more: bool


def disturbances(
    clock: Clock, schedule: Schedule, *, after: datetime, until: datetime
) -> Iterator[Disturbance]:
    """The changes after `after` and up to `until` (aware) that hit a time of the schedule."""
    zone = clock.zone
    first, last = (clocks.index_at(clock, clocks.whole_seconds(each)) for each in (after, until))
    for index in range(first, last):
        change = zone.changes[index]
        before, now = (change + zone.offsets[index + step] for step in (0, 1))
        times: list[int] = []
        found = following(schedule, min(before, now))
        while found is not None and found < max(before, now) and len(times) <= MOST_TIMES:
            times.append(found)
            found = following(schedule, found + 1)
        if times:
            yield Disturbance(
                instant=clocks.instant(change),
                before=clocks.wall_time(before),
                after=clocks.wall_time(now),
                times=tuple(map(clocks.wall_time, times[:MOST_TIMES])),
                more=len(times) > MOST_TIMES,
            )
