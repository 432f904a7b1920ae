"""Status: what Fusion's clients are told of a job, its runs, and what was asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.fusion.outcome import status_of
from app.domain.instants import format_millis
from app.domain.run import RunState


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStatus:
    """What Fusion tells of one run; `ended_at` is set when it is over.

    `reason` says in words why it ended as it did, or still goes on.
    """

    run_id: UUID
    state: RunState
    started_at: datetime
    ended_at: datetime | None = None
    reason: str | None = None


def began(
    first_call: datetime | None, *, due_at: datetime, ended_at: datetime | None, now: datetime
) -> datetime:
    """When a run started: with its first call, or when it was due where none was made.

    One that ended before it was due started and ended at once; one that is not due yet starts
    `now`, as what has not been cannot be told of as what was.
    """
    started = min(due_at, now) if first_call is None else first_call
    return started if ended_at is None else min(started, ended_at)


def job_status(
    resource: str,
    *,
    enabled: bool,
    last: RunStatus | None = None,
    next_at: datetime | None = None,
    started_by: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The status object of a job, `last` being its newest run.

    Without a run there is neither `status` nor a time; without a next firing no `nextStartTime`,
    from which clients see that there is a schedule.
    """
    told: dict[str, Any] = {"resource": resource, "enabled": enabled}
    if started_by is not None:
        told["startedBy"] = started_by
    if last is not None:
        told["status"] = str(status_of(last.state))
    if extra:
        told["extra"] = dict(extra)
    if last is not None:
        told["lastStartTime"] = format_millis(last.started_at)
        if last.ended_at is not None:
            told["lastEndTime"] = format_millis(last.ended_at)
    if next_at is not None:
        told["nextStartTime"] = format_millis(next_at)
    return told


def history_entry(resource: str, run: RunStatus) -> dict[str, Any]:
    """One run in a job's history; while it is under way it has no `endTime`."""
    told: dict[str, Any] = {
        "resource": resource,
        "runId": str(run.run_id),
        "startTime": format_millis(run.started_at),
    }
    if run.ended_at is not None:
        told["endTime"] = format_millis(run.ended_at)
    told["status"] = str(status_of(run.state))
    if run.reason:
        told["extra"] = {"message": run.reason}
    return told


def action_reply(resource: str, action: str, *, accepted: bool, message: str) -> dict[str, Any]:
    """The answer to an action, `message` in words."""
    return {"resource": resource, "action": action, "accepted": accepted, "message": message}


def started(resource: str) -> dict[str, Any]:
    """The answer to a start that was taken up, as Fusion words it."""
    return action_reply(resource, "start", accepted=True, message=f"Started job {resource}")


def aborted(resource: str) -> dict[str, Any]:
    """The answer to an abort that was taken up."""
    return action_reply(resource, "abort", accepted=True, message=f"Aborted job {resource}")
