"""Triggers: those of a Fusion schedule, by time or after another job."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.fusion.time_triggers import TimeTrigger
from app.domain.run import RunState


@dataclass(frozen=True, kw_only=True, slots=True)
class AfterJob:
    """Due when a run of another job, `upstream`, ends in one of `states`."""

    upstream: str
    states: frozenset[RunState]
    enabled: bool = True


Trigger = TimeTrigger | AfterJob
