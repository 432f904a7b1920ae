"""The documents of a status: where a job stands, and the entries of its history."""

from __future__ import annotations

from typing import Any

from app.domain.fusion.status import JobStatus, RunStatus, status_of
from app.domain.instants import format_millis


def render_job(job: JobStatus) -> dict[str, Any]:
    """The status object of a job.

    Without a run there is neither `status` nor a time; without a next firing no `nextStartTime`,
    from which clients see that there is a schedule.
    """
    members: dict[str, Any] = {"resource": job.resource, "enabled": job.enabled}
    if job.started_by is not None:
        members["startedBy"] = job.started_by
    if job.last is not None:
        members["status"] = str(status_of(job.last.state))
    extra = _extra(job)
    if extra:
        members["extra"] = extra
    if job.last is not None:
        members["lastStartTime"] = format_millis(job.last.started_at)
        if job.last.ended_at is not None:
            members["lastEndTime"] = format_millis(job.last.ended_at)
    if job.next_at is not None:
        members["nextStartTime"] = format_millis(job.next_at)
    return members


def render_run(resource: str, run: RunStatus) -> dict[str, Any]:
    """One entry of a job's history; a run that goes on has no `endTime`."""
    members: dict[str, Any] = {
        "resource": resource,
        "runId": str(run.run_id),
        "startTime": format_millis(run.started_at),
    }
    if run.ended_at is not None:
        members["endTime"] = format_millis(run.ended_at)
    members["status"] = str(status_of(run.state))
    if run.reason:
        members["extra"] = {"message": run.reason}
    return members


def _extra(job: JobStatus) -> dict[str, Any]:
    """Why the newest run ended as it did, and which jobs this one follows in vain."""
    extra: dict[str, Any] = {}
    if job.last is not None and job.last.reason:
        extra["message"] = job.last.reason
    if job.missing:
        names = ", ".join(job.missing)
        several = len(job.missing) > 1
        extra["missing"] = list(job.missing)
        extra["warning"] = (
            f"This job follows {names}, which {'do' if several else 'does'} not exist: "
            f"{'they were' if several else 'it was'} deleted or never saved."
        )
    return extra
