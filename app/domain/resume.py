"""Resuming: which firing a recurring job that was paused is armed with."""

from __future__ import annotations

from datetime import datetime

from app.domain.misfire import Misfire
from app.domain.rearm import rearm
from app.domain.trigger import Trigger, next_after


def firing_after_pause(
    trigger: Trigger, *, since: datetime, now: datetime, misfire: Misfire
) -> datetime | None:
    """The firing to arm at `now` where none was made after `since`; None where nothing is left.

    What passed meanwhile was missed: the first of it, which the claim makes what it asks for of
    (rearm), but the next to come where all of it is too late.
    """
    first = next_after(trigger, since)
    if first is None or first > now:
        return first
    claimed = rearm(trigger, due_at=first, now=now, misfire=misfire)
    return claimed.next_at if claimed.fire_at is None else first
