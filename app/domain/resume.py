"""Resuming: which firing a job that was paused is armed with."""

from __future__ import annotations

from datetime import datetime

from app.domain.trigger import At, Trigger, next_after


def firing_on_resume(trigger: Trigger, *, fired: bool, now: datetime) -> datetime | None:
    """The firing to arm at `now`; None where nothing is left to come.

    Here is the misfire policy of a pause: the firings of a recurring job that passed meanwhile
    are skipped. A one-time job always fires, late where its instant has passed, unless its one
    firing has been made (`fired`).
    """
    match trigger:
        case At(instant=instant):
            return None if fired else instant
        case _:
            return next_after(trigger, now)
