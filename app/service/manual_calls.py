"""Manual calls: runs of a job that a client requests, independent of the job's schedule."""

from __future__ import annotations

from uuid import UUID

from app.domain.account import Caller
from app.errors import Conflict
from app.random_ids import new_id
from app.service import jobs, limits
from app.service.context import Context
from app.store import accounts, inflight, serial
from app.store.database import driver_of


def call_now(context: Context, caller: Caller, job_id: UUID) -> UUID:
    """Call a job now, without changing its schedule; return the id of the run.

    A paused job is called once too, and stays paused. Raises NotFound and LimitReached, and
    Conflict if the job's calls must not overlap and a run is under way.
    """
    run_id = new_id()
    with context.database.transaction() as connection:
        jobs.get_locked(connection, caller, job_id)
        under_way = serial.live_run(driver_of(connection), job_id)
        if under_way is not None:
            raise Conflict(
                f"The run {under_way} of this job is under way, and its calls must not overlap.",
                member="id",
                remedy="Wait until the run is settled: GET /1/runs/<id> shows its state.",
            )
        limits.begin_run(context, connection, caller.account)
        by = accounts.key_label(connection, caller.key_id)
        inflight.call_by_hand(driver_of(connection), job_id, run_id, started_by=by)
    return run_id
