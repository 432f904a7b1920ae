"""Resuming: the firing with which a recurring job is armed after a pause."""

from __future__ import annotations

from datetime import datetime

from app.domain.misfire import Misfire
from app.domain.rearm import rearm
from app.domain.trigger import Trigger, next_after


def firing_after_pause(
    trigger: Trigger, *, since: datetime, now: datetime, misfire: Misfire
) -> datetime | None:
    """Return the firing to arm at `now` if none was made after `since`; None if none is left.

    If firings were missed during the pause, return the first of them, so that the claim applies the
    misfire policy (rearm). If all of them are too late, return the next future one.
    """
    first = next_after(trigger, since)
    if first is None or first > now:
        return first
    claimed = rearm(trigger, due_at=first, now=now, misfire=misfire)
    return claimed.next_at if claimed.fire_at is None else first
