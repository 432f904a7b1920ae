"""The status of Fusion jobs, and the history of their runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from app.domain.account import Caller
from app.domain.fusion.resource import Kind, Resource
from app.domain.fusion.status import JobStatus, RunStatus, start_of
from app.domain.run import RunKind
from app.service.context import Context
from app.service.fusion import apps, jobs
from app.store import fusion_jobs as store
from app.store.fusion_jobs import JobRun, JobWithLastRun

_BY_SCHEDULE: Final = "schedule"


@contextmanager
def list_jobs(
    context: Context,
    caller: Caller,
    *,
    kinds: Collection[Kind],
    app: str | None,
    after: Resource | None,
    limit: int,
) -> Iterator[Iterator[JobStatus]]:
    """Yield the status of the first `limit` jobs of the account after `after`, by name.

    Only jobs of these kinds and of this app, if they are given. They are read inside the context, a
    few at a time.
    """
    with (
        context.database.transaction() as connection,
        store.stream_jobs(
            connection,
            caller.account.id,
            endpoints=[jobs.endpoint_of_kind(kind) for kind in kinds or Kind],
            tag=apps.tag(app),
            after="" if after is None else str(after),
            limit=limit,
        ) as found,
    ):
        yield (_job_status(each, caller.now) for each in found)


def get_job(context: Context, caller: Caller, resource: Resource, *, app: str | None) -> JobStatus:
    """Return the status of one job. Raises NotFound."""
    endpoint = jobs.endpoint_of(resource)
    with context.database.transaction() as connection:
        jobs.find(connection, caller, resource, app)
        found = store.find_job(connection, caller.account.id, str(resource), endpoint=endpoint)
    if found is None:
        raise jobs.no_such_job(resource, None)
    return _job_status(found, caller.now)


def list_runs(
    context: Context, caller: Caller, resource: Resource, *, limit: int, app: str | None
) -> list[RunStatus]:
    """Return the newest runs of a job, including the one under way. Raises NotFound."""
    with context.database.transaction() as connection:
        job = jobs.find(connection, caller, resource, app)
        runs = store.list_runs(connection, job.id, limit)
    return [_run_status(each, caller.now) for each in runs]


def _job_status(found: JobWithLastRun, now: datetime) -> JobStatus:
    return JobStatus(
        resource=found.name,
        enabled=found.enabled,
        last=None if found.last is None else _run_status(found.last, now),
        next_at=found.next_at,
        started_by=_starter(found.last),
        missing=found.missing,
    )


def _run_status(run: JobRun, now: datetime) -> RunStatus:
    return RunStatus(
        run_id=run.id,
        state=run.state,
        started_at=start_of(run.started_at, due_at=run.due_at, ended_at=run.settled_at, now=now),
        ended_at=run.settled_at,
        reason=run.reason,
    )


def _starter(run: JobRun | None) -> str | None:
    """Return what started a run: the schedule, the label of a key, or the job before it."""
    if run is None:
        return None
    return _BY_SCHEDULE if run.kind is RunKind.SCHEDULED else run.started_by
