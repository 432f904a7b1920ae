"""Listed: the runs of a job or an account, as tuples."""

from __future__ import annotations

from uuid import UUID

from app.domain.account import Caller
from app.domain.run import Run, RunState
from app.domain.run_filter import RunFilter
from app.service import runs
from app.service.context import Context

EVERY = RunFilter(states=frozenset(RunState))


def of_job(context: Context, caller: Caller, job_id: UUID, limit: int = 10) -> tuple[Run, ...]:
    """The newest runs of a job."""
    with runs.list_runs_of_job(context, caller, job_id, after=None, limit=limit) as found:
        return tuple(found)


def of_account(context: Context, caller: Caller, wanted: RunFilter = EVERY) -> tuple[Run, ...]:
    """The newest runs of an account."""
    with runs.list_runs(context, caller, wanted, after=None, limit=10) as found:
        return tuple(found.runs)
