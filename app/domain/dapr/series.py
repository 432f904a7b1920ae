"""Series: ticks too close together for a run each; one run calls them one after another."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.domain.dapr.schedule import DaprSchedule, next_after

MIN_APART: Final = timedelta(milliseconds=100)
"""Ticks at least this far apart have a run each, unless they are late."""

MAX_TOGETHER: Final = 500
"""The most ticks of one job that one claim hands to its run."""

MAX_TOGETHER_OF_ALL: Final = 4000
"""The most ticks of all jobs of one claim: finding a tick takes microseconds, and calls wait."""

MAX_SECONDS: Final = 1.0
"""How long one run goes on calling further ticks, before the ticks it has called are stored."""


def further_ticks(
    trigger: DaprSchedule,
    tick: datetime,
    following: datetime,
    *,
    now: datetime,
    ahead: timedelta,
    most: int,
) -> list[datetime | None]:
    """The ticks that the run of `tick` calls as well and, as last element, the tick after them.

    They begin with `following`: every tick that is due by `now`, and every tick up to `ahead` after
    `now` that comes less than MIN_APART after the one before; at most `most`. The last element is
    None where the schedule ends; the list is empty where there are no such ticks.
    """
    found: list[datetime | None] = []
    last, candidate = tick, following
    while len(found) < most:
        close = candidate <= now + ahead and candidate - last < MIN_APART
        if not (close or candidate <= now):
            break
        found.append(candidate)
        last, after = candidate, next_after(trigger, candidate)
        if after is None:
            return [*found, None]
        candidate = after
    return [*found, candidate] if found else []
