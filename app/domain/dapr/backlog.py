"""Backlog: how many ticks of a schedule would be due at once when it is booked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.domain.dapr.reader import Every, Fields
from app.domain.dapr.schedule import DaprSchedule, next_after, step_of

MAX_AT_ONCE: Final = 10_000
"""The most ticks that may be due at once: each is called, as fast as the app answers."""

MIN_STEP: Final = 1_000_000
"""Nanoseconds: about the shortest call. The calls of one job never overlap, so a schedule that
ticks faster than this can only fall behind: all of its ticks count as due at once."""

_SECOND: Final = timedelta(seconds=1)
_MICRO: Final = timedelta(microseconds=1)
_NANOSECONDS: Final = 1000


def has_too_many(
    trigger: DaprSchedule, schedule: Every | Fields, repeats: int | None, now: datetime
) -> bool:
    """Whether more than MAX_AT_ONCE ticks would be due at once at `now`.

    A schedule of fields ticks at most once a second: its ticks are counted one by one, up to the
    limit, and only if it began so long ago that the limit can be reached.
    """
    if repeats is not None and repeats <= MAX_AT_ONCE:
        return False
    if isinstance(schedule, Every):
        return _too_many_steps(trigger, schedule, now)
    end = now if trigger.until is None else min(now, trigger.until)
    if (end - trigger.start) // _SECOND < MAX_AT_ONCE:
        return False
    counted = 1 if trigger.first is not None else 0
    tick = next_after(trigger, trigger.start)
    while tick is not None and tick <= end and counted <= MAX_AT_ONCE:
        counted += 1
        tick = next_after(trigger, tick)
    return counted > MAX_AT_ONCE


def _too_many_steps(trigger: DaprSchedule, every: Every, now: datetime) -> bool:
    if every.period >= MIN_STEP:
        end = now if trigger.until is None else min(now, trigger.until)
    elif trigger.until is None:
        return True
    else:
        end = trigger.until
    if end < trigger.start:
        return False
    steps = (end - trigger.start) // _MICRO * _NANOSECONDS // step_of(every)
    return steps + (trigger.first is not None) > MAX_AT_ONCE
