"""Waiting: when to look again for the end of a run, and which run of a job is waited for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from wakecall.models import Job, Run
from wakecall.spans import to_span

_FIRST_PAUSE_S: Final = 0.1
_GROWTH: Final = 1.5
_LONGEST_PAUSE_S: Final = 2.0
_LONGEST_SLEEP_S: Final = 30.0
_CALL_S: Final = 0.05
"""What a call is given after its due time before the first look."""


def pause(looks: int, due: datetime | None, now: datetime) -> float:
    """Seconds until the next look: until the due time, then growing."""
    if due is not None and due > now:
        return min((due - now).total_seconds() + _CALL_S, _LONGEST_SLEEP_S)
    return min(_FIRST_PAUSE_S * _GROWTH ** min(looks, 16), _LONGEST_PAUSE_S)


def due_of(awaited: Job | Run) -> datetime:
    """When what is waited for happens; raises ValueError for a job that does not fire by itself."""
    if isinstance(awaited, Run):
        return awaited.next_attempt or awaited.due
    if awaited.due is None:
        raise ValueError("The job has no next firing: it is paused, or was only checked.")
    return awaited.due


def firing_of(runs: Iterable[Run], due: datetime) -> Run | None:
    """The run of the firing that was due then, or of the first one after; newest runs first."""
    found = [run for run in runs if run.kind in {"scheduled", "chained"} and run.due >= due]
    return found[-1] if found else None


def deadline_of(now: datetime, timeout: timedelta | str | float) -> datetime:
    """When a wait ends; the last instant there is for one that would end after it, as `inf`."""
    try:
        return now + to_span(timeout)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def left(deadline: datetime, now: datetime) -> float:
    """The seconds left, none below 0."""
    return max((deadline - now) / timedelta(seconds=1), 0.0)
