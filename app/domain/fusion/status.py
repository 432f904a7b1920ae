"""Status: Fusion's names for the states of runs, and the status of jobs and runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.domain.run import LIVE, RunState


class Status(StrEnum):
    """The status of a run, or of a job by its newest run; a job that never ran has none."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    ABORTED = "aborted"


SUCCESS: Final = frozenset({RunState.SUCCEEDED})
FAILURE: Final = frozenset({RunState.FAILED, RunState.DEAD})
ABORT: Final = frozenset({RunState.CANCELLED})

_STATUSES: Final = {
    **dict.fromkeys(LIVE, Status.RUNNING),
    **dict.fromkeys(SUCCESS, Status.SUCCESS),
    **dict.fromkeys(FAILURE, Status.FAILED),
    **dict.fromkeys(ABORT, Status.ABORTED),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStatus:
    """The status of one run."""

    run_id: UUID
    state: RunState
    started_at: datetime
    """See `start_of`."""
    ended_at: datetime | None = None
    """None while the run is under way."""
    reason: str | None = None
    """Why the run ended as it did, or why it is still under way, as a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobStatus:
    """The status of a job."""

    resource: str
    enabled: bool
    last: RunStatus | None = None
    """The newest run; None if the job never ran."""
    next_at: datetime | None = None
    """The next firing; None if no time trigger has one."""
    started_by: str | None = None
    """What started the newest run: "schedule", the label of an API key, or the job before it."""
    missing: tuple[str, ...] = ()
    """The jobs that it follows and that do not exist."""


def status_of(state: RunState) -> Status:
    """Return Fusion's name for a state: dead runs have failed, and retrying ones are running."""
    return _STATUSES[state]


def start_of(
    first_call: datetime | None, *, due_at: datetime, ended_at: datetime | None, now: datetime
) -> datetime:
    """Return when a run started: with its first call, or at its due time if no call was made.

    A run that ended before it was due started when it ended. For a run that is not due yet, `now`
    is returned, because clients do not expect a start in the future.
    """
    started = min(due_at, now) if first_call is None else first_call
    return started if ended_at is None else min(started, ended_at)
