"""Runs: what was fired, what is being retried, and what came of it."""

from __future__ import annotations

from uuid import UUID

from app.domain.account import Caller
from app.domain.run import Run
from app.errors import NotFound
from app.service import jobs
from app.store import history
from app.store import jobs as job_store
from app.store.engine import transaction


def of_job(caller: Caller, job_id: UUID, *, limit: int) -> tuple[Run, ...]:
    """The newest `limit` runs of a job, also of one that has ended. Raises NotFound."""
    with transaction() as connection:
        runs = history.of_job(connection, caller.account.id, job_id, limit)
        if not runs and job_store.find(connection, caller.account.id, job_id) is None:
            raise jobs.unknown(job_id)
    return runs


def get(caller: Caller, run_id: UUID) -> Run:
    """The caller's run. Raises NotFound."""
    with transaction() as connection:
        run = history.find(connection, caller.account.id, run_id)
    if run is None:
        raise NotFound(
            f"There is no run {run_id}.",
            member="id",
            remedy="GET /1/jobs/<id>/runs lists the runs of a job.",
        )
    return run
