"""Series: ticks that come too close together for a run each, and are called by one run in a row."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.domain.dapr.schedule import DaprSchedule, next_after

MIN_APART: Final = timedelta(milliseconds=100)
"""Ticks that are as far apart have a run each, while they are called in time."""

MAX_TOGETHER: Final = 500
"""Ticks of one job that one claim hands to its run at most."""

MAX_TOGETHER_OF_ALL: Final = 4000
"""The same of all jobs of a claim: to find a tick takes microseconds, and other calls wait."""

MAX_SECONDS: Final = 1.0
"""How long a run goes on with further ticks: what it has called is stored then."""


def further_ticks(
    trigger: DaprSchedule,
    tick: datetime,
    following: datetime,
    *,
    now: datetime,
    ahead: timedelta,
    most: int,
) -> list[datetime | None]:
    """The ticks that the run of `tick` may call as well, and last the one after them, if any.

    They are `following` and what comes after it: what is due by `now`, and what comes `ahead` of
    that, as far as it comes less than MIN_APART after the one before. Nothing where that is none.
    `most` is how many they may be.
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
