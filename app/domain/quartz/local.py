"""Local: the firings of a schedule on the wall clock of a zone, exact across its changes."""

from __future__ import annotations

from datetime import datetime

from app.domain import clocks
from app.domain.clocks import DAY, Clock
from app.domain.quartz.evaluation import next_wall
from app.domain.quartz.schedule import Schedule
from app.domain.zones import FIRST_INSTANT, LAST_INSTANT


def next_after_on(clock: Clock, schedule: Schedule, after: datetime) -> datetime | None:
    """Return the first firing strictly after `after` (aware), in UTC; None if none is left.

    Each iteration advances by a piece of the clock, and a zone has fewer than 500 pieces: for a
    schedule that never fires, None is found within milliseconds.
    """
    instant = max(clocks.whole_seconds(after), FIRST_INSTANT)
    if instant > LAST_INSTANT:
        return None
    index = clocks.index_at(clock, instant)
    wall = instant + clock.zone.offsets[index] + 1
    while True:
        piece = clocks.piece(clock, index)
        found = following(schedule, max(wall, piece.start))
        if found is not None and found < piece.stop:
            return clocks.instant(found - piece.offset)
        if found is not None and found < piece.moved_until:
            return clocks.instant(piece.end)
        # No clock differs from UTC by a day, so later wall-clock times do not match sooner.
        bound = following(schedule, piece.end - DAY)
        if bound is None or piece.end == LAST_INSTANT:
            return None
        index = max(index + 1, clocks.index_at(clock, bound - DAY))
        wall = FIRST_INSTANT


def following(schedule: Schedule, wall: int) -> int | None:
    """Return the first matching wall-clock time from `wall` on, in seconds since 1970."""
    found = next_wall(schedule, clocks.wall_time(wall - 1))
    return None if found is None else clocks.whole_seconds(found)
