"""Serial jobs: their calls never overlap, and the end of one starts what waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg

from app.domain.run import RunState
from app.store.queries import run, value


class Ended(NamedTuple):
    """A run of a serial job, and how it has just ended."""

    run_id: UUID
    due_at: datetime
    job_id: UUID
    state: RunState


def live_run(connection: psycopg.Connection, job_id: UUID) -> UUID | None:
    """The run of a locked serial job that is under way and was not cancelled."""
    run_id: UUID | None = value(run(connection, "live_serial_run", {"job_id": job_id}))
    return run_id


def block_next(connection: psycopg.Connection, job_id: UUID) -> None:
    """Let the next firing of a locked serial job wait for the run under way, if there is one."""
    run(connection, "block_next", {"job_id": job_id})


def cancel(connection: psycopg.Connection, run_id: UUID, reason: str) -> None:
    """Cancel one run of a locked job, so that it no longer keeps another from beginning."""
    run(connection, "cancel_run", {"run_id": run_id, "reason": reason})


def with_followers(connection: psycopg.Connection, job_ids: Sequence[UUID]) -> list[UUID]:
    """The jobs, and those that may start when they end: all that is locked before one ends."""
    return [*job_ids, *followers(connection, job_ids)]


def followers(connection: psycopg.Connection, job_ids: Sequence[UUID]) -> list[UUID]:
    """The jobs that may start when these end."""
    return [each for some in following(connection, job_ids).values() for each in some]


def following(connection: psycopg.Connection, job_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """The same, by the job that ends."""
    found: dict[UUID, list[UUID]] = {}
    if job_ids:
        for upstream, follower in run(connection, "followers", {"job_ids": list(job_ids)}):
            found.setdefault(upstream, []).append(follower)
    return found


def start_next(
    connection: psycopg.Connection,
    ended: Sequence[Ended],
    following: Sequence[UUID],
) -> None:
    """Start those of `following` that wait for such an end, and unblock the jobs' next firings.

    `ended` are runs that have just ended. Call it in the settling transaction, with all of these
    jobs locked.
    """
    if not ended:
        return
    job_ids = [each.job_id for each in ended]
    if following:
        params = {
            "runs": [each.run_id for each in ended],
            "dues": [each.due_at for each in ended],
            "job_ids": job_ids,
            "states": [str(each.state) for each in ended],
            "followers": list(following),
        }
        run(connection, "start_followers", params)
    run(connection, "unblock", {"job_ids": job_ids})
