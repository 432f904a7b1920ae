"""Gap: the shortest time between two ticks of a job."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Final

from app.domain import quartz
from app.domain.dapr.duration import SECOND
from app.domain.dapr.reader import Every, Fields, read
from app.domain.dapr.schedule import DaprSchedule, next_after, step_of

MAX_WALKED: Final = 1000
_SECOND: Final = timedelta(seconds=1)


def ticks_from(trigger: DaprSchedule, first: datetime, remaining: int | None) -> Iterator[datetime]:
    """The ticks of a job, from the tick `first` to the last of the `remaining` ones."""

    def onwards() -> Iterator[datetime]:
        tick: datetime | None = first
        while tick is not None:
            yield tick
            tick = next_after(trigger, tick)

    return islice(onwards(), remaining)


def minimum_gap(trigger: DaprSchedule, first: datetime, remaining: int | None = None) -> int | None:
    """The shortest time between two ticks, in whole seconds; None where there is at most one tick.

    Exact for a job without an end, or with at most MAX_WALKED ticks. For another job it is the gap
    that it would have without an end, which is not longer. Ticks of a schedule of fields count from
    midnight of the date of the first one.
    """
    opening = tuple(islice(ticks_from(trigger, first, remaining), 2))
    if len(opening) == 1:
        return None
    if trigger.until is not None or remaining is not None:
        walked = list(islice(ticks_from(trigger, first, remaining), MAX_WALKED + 1))
        if len(walked) <= MAX_WALKED:
            return min(later - earlier for earlier, later in pairwise(walked)) // _SECOND
    schedule = read(trigger.schedule)
    if isinstance(schedule, Every):
        return step_of(schedule) // SECOND
    lasting = _by_fields(schedule, after=first)
    # The first tick may be a due time, which need not be a tick of the schedule.
    gaps = [(opening[1] - opening[0]) // _SECOND, *([] if lasting is None else [lasting])]
    return min(gaps)


def _by_fields(schedule: Fields, *, after: datetime) -> int | None:
    if schedule.clock is None:
        return quartz.minimum_gap(schedule.schedule, after=after)
    found = quartz.closest_on(schedule.clock, schedule.schedule, after=after)
    return None if found is None else found.seconds
