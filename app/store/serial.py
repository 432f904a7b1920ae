"""Serial jobs: calls that never overlap, and what begins with an end: the next, other jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from app.domain.run import RunState
from app.store.queries import run

_LIVE: Final = text("""
SELECT id FROM inflight WHERE job_id = :job_id AND serial AND cancelled_at IS NULL
""")

_HOLD: Final = text("""
UPDATE due SET held_at = next_at, next_at = NULL
WHERE job_id = :job_id AND serial AND next_at IS NOT NULL
  AND EXISTS (SELECT FROM inflight i
              WHERE i.job_id = due.job_id AND i.serial AND i.cancelled_at IS NULL)
""")

_CANCEL: Final = text("""
UPDATE inflight SET cancelled_at = clock_timestamp(), reason = :reason
WHERE id = :run_id AND cancelled_at IS NULL
""")


def live_run(connection: Connection, job_id: UUID) -> UUID | None:
    """The run of a locked serial job that is under way and was not cancelled."""
    return connection.execute(_LIVE, {"job_id": job_id}).scalar_one_or_none()


def hold(connection: Connection, job_id: UUID) -> None:
    """Let the next firing of a locked serial job wait for the run under way, if there is one."""
    connection.execute(_HOLD, {"job_id": job_id})


def cancel(connection: Connection, run_id: UUID, reason: str) -> None:
    """Cancel one run of a locked job: it is no longer in the way of another."""
    connection.execute(_CANCEL, {"run_id": run_id, "reason": reason})


def with_followers(connection: Connection, job_ids: Sequence[UUID]) -> list[UUID]:
    """The jobs, and those that may start when they end: what is to be locked before one ends."""
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    return [*job_ids, *followers(driver, job_ids)]


def followers(connection: psycopg.Connection, job_ids: Sequence[UUID]) -> list[UUID]:
    """The jobs that may start when these end."""
    if not job_ids:
        return []
    rows = run(connection, "followers", {"job_ids": list(job_ids)}).fetchall()
    return [row[0] for row in rows]


def move_on(
    connection: psycopg.Connection,
    ended: Sequence[tuple[UUID, RunState]],
    following: Sequence[UUID],
) -> None:
    """Start those of `following` that wait for such an end, and let the jobs' next firings go.

    `ended` are jobs and how a run of theirs has just ended. In the settling transaction, with all
    of these jobs locked.
    """
    if not ended:
        return
    job_ids = [job_id for job_id, _ in ended]
    if following:
        states = [str(state) for _, state in ended]
        params = {"job_ids": job_ids, "states": states, "followers": list(following)}
        run(connection, "start_followers", params)
    run(connection, "let_go", {"job_ids": job_ids})
