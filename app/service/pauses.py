"""Pauses: pauses and resumes jobs; a paused job is not called by its schedule."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from app.domain.account import Caller
from app.domain.job import Job
from app.service import arming, jobs
from app.service.context import Context
from app.service.usage import within_limits
from app.store import inflight, superseded
from app.store import jobs as store
from app.store.clock import read_clock
from app.store.database import driver_of


def pause(context: Context, caller: Caller, job_id: UUID) -> Job:
    """Pause a job: cancel its firings and runs in flight. A paused job stays paused.

    From 100 ms after this returns, none of its calls begins. This includes retries, and manual
    calls that were requested earlier. Raises NotFound.
    """
    with context.database.transaction() as connection:
        current = jobs.get_locked(connection, caller, job_id)
        counted = current.booking.remaining is not None
        inflight.cancel_by_pause(driver_of(connection), job_id, counted=counted)
        if not current.booking.enabled:
            return current
        superseded.keep_anyhow(driver_of(connection), job_id)
        booking = replace(current.booking, enabled=False)
        store.update_job(driver_of(connection), current, booking, None)
    return jobs.next_version(current, booking, None)


@within_limits
def resume(context: Context, caller: Caller, job_id: UUID) -> Job:
    """Resume a paused job: set its next firing. A job that is not paused is not changed.

    Raises NotFound, LimitReached, and Conflict if the job has no further firing.
    """
    with context.database.transaction() as connection:
        current = jobs.get_locked(connection, caller, job_id)
        if current.booking.enabled:
            return current
        now = read_clock(connection)
        next_at = arming.on_resume(connection, current, current.booking.misfire, now)
        superseded.keep(driver_of(connection), job_id)
        booking = replace(current.booking, enabled=True)
        store.update_job(driver_of(connection), current, booking, next_at)
    return jobs.next_version(current, booking, next_at)
