"""Backlog: how many ticks a schedule would have due at once, at the moment it is booked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.domain.dapr.reader import Every, Fields
from app.domain.dapr.schedule import DaprSchedule, next_after, step_of

MAX_AT_ONCE: Final = 10_000
"""All of them are called for, one after the other, as fast as the app answers."""
MIN_STEP: Final = 1_000_000
"""Nanoseconds. The calls of one job never overlap, and an app takes about so long for each.

A schedule that ticks faster than this can only fall behind, so all of its ticks count as due at
once, whenever it begins.
"""

_SECOND: Final = timedelta(seconds=1)
_MICRO: Final = timedelta(microseconds=1)
_NANOSECONDS: Final = 1000


def has_too_many(
    trigger: DaprSchedule, schedule: Every | Fields, repeats: int | None, now: datetime
) -> bool:
    """Whether more than MAX_AT_ONCE ticks would be due at once at `now`, or without an end.

    A schedule of fields ticks once a second at most: its ticks are counted one by one only where
    it began long ago, and no further than the limit.
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
