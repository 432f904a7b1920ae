"""Ends of jobs: a job ends with its last run, when no further firing is to come."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from app.domain.one_time import At
from app.domain.trigger import from_document, next_after
from app.log import logger
from app.store.database_errors import Kind, kind_of
from app.store.queries import Rows, run

MAX_RUNS_READ: Final = 1000
"""Runs of a job that are searched for one that did not succeed, the latest first."""

MAX_RUNS_READ_TOGETHER: Final = 20_000
"""The same for all jobs that end together: the settlements of all accounts wait for them."""

_WAIT_BRIEFLY: Final = "SELECT set_config('lock_timeout', '100ms', true)"

_FIRED: Final = """
SELECT FROM run
WHERE job_id = %(job_id)s AND due_at = %(due_at)s AND job_version = %(version)s
"""


class Finished(NamedTuple):
    """A job without a next firing and without runs, as far as its rows show."""

    job_id: UUID
    version: int
    trigger: dict[str, Any]
    remaining: int | None
    """How many firings its schedule has left; None where they are not counted."""
    now: datetime
    keeps_content: bool
    """Whether what it sent is kept, because a run that did not succeed may be sent again.

    Only the latest runs were read, fewer of each job where many end together.
    """


def end_finished(connection: psycopg.Connection, job_ids: Collection[UUID]) -> None:
    """End those of the jobs that have no further firing.

    Call it after the transaction that ended their runs, or in it where it has locked these jobs: of
    two runs that end at once, the one that ends last finds that nothing is left. A job that cannot
    be ended now is left to maintenance (orphans.py): its runs are settled in any case.
    """
    if not job_ids:
        return
    try:
        candidates = _finished(connection, job_ids, runs_read=0)
        if candidates:
            _end(connection, [each.job_id for each in candidates])
    except psycopg.Error as error:
        if kind_of(error) is Kind.REFUSED:
            logger.error("jobs.not_ended", exc_info=error)


def finished(connection: psycopg.Connection, job_ids: Collection[UUID]) -> list[Finished]:
    """Those of the jobs that are enabled and have neither a next firing nor a run."""
    each = MAX_RUNS_READ_TOGETHER // max(1, len(job_ids))
    return _finished(connection, job_ids, runs_read=max(1, min(each, MAX_RUNS_READ)))


def _finished(
    connection: psycopg.Connection, job_ids: Collection[UUID], *, runs_read: int
) -> list[Finished]:
    params = {"job_ids": list(job_ids), "runs_read": runs_read}
    rows = run(connection, "finished_jobs", params)
    return [Finished._make(row) for row in rows]


def purge(connection: psycopg.Connection, versions: Iterable[tuple[UUID, int, bool]]) -> list[Rows]:
    """End these versions of locked jobs, where they have neither a next firing nor a run.

    The bool tells whether what the job sent is kept, so that it can be sent again. The row counts
    of the results tell how many jobs ended, once the pipeline has delivered them.
    """
    answers = []
    given = list(versions)
    for name, wanted in (("purge_jobs_keeping", True), ("purge_jobs", False)):
        some = [(job_id, version) for job_id, version, keeps in given if keeps is wanted]
        if some:
            job_ids, numbers = (list(column) for column in zip(*some, strict=True))
            answers.append(run(connection, name, {"job_ids": job_ids, "versions": numbers}))
    return answers


def has_fired(
    connection: psycopg.Connection, job_id: UUID, version: int, instant: datetime
) -> bool:
    """Whether history knows the firing of that instant of a job's version."""
    key = {"job_id": job_id, "version": version, "due_at": instant}
    return connection.execute(_FIRED, key).fetchone() is not None


def _end(connection: psycopg.Connection, job_ids: Collection[UUID]) -> None:
    # Within a transaction of the caller, the caller has locked the jobs already.
    waits = connection.info.transaction_status is TransactionStatus.IDLE
    with connection.transaction():
        if waits:
            connection.execute(_WAIT_BRIEFLY)
        run(connection, "lock_jobs", {"job_ids": list(job_ids)})
        # A later statement than the locks: it sees what their last holders committed.
        over = [each for each in finished(connection, job_ids) if _is_over(connection, each)]
        purge(connection, map(_version, over))


def end_locked(connection: psycopg.Connection, job_ids: Collection[UUID]) -> None:
    """End locked jobs that are known to have no further firing."""
    if job_ids:
        purge(connection, map(_version, finished(connection, job_ids)))


def _version(job: Finished) -> tuple[UUID, int, bool]:
    return job.job_id, job.version, job.keeps_content


def _is_over(connection: psycopg.Connection, job: Finished) -> bool:
    """Whether the job has no further firing; one that a fault lost is armed again (orphans.py)."""
    if job.remaining == 0:
        return True
    try:
        trigger = from_document(job.trigger)
        if not isinstance(trigger, At):
            return next_after(trigger, job.now) is None
    except Exception:  # noqa: BLE001 - one bad row never stops the loop; the claim logged it
        return False
    return has_fired(connection, job.job_id, job.version, trigger.instant)
