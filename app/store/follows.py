"""Follows: which jobs start after which others end, told by the names of those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select, text

from app.domain.job import Follow
from app.domain.run import RunState
from app.store.tables import follow

_INSERT: Final = text("""
INSERT INTO follow (job_id, account_id, upstream, states)
SELECT id, account_id, :upstream, :states FROM job WHERE id = :job_id
""")

_DROP: Final = text("DELETE FROM follow WHERE job_id = :job_id")

_EDGES: Final = text("""
SELECT j.name, f.upstream FROM follow f JOIN job j ON j.id = f.job_id
WHERE f.account_id = :account_id
""")


def insert(connection: Connection, job_id: UUID, follows: Sequence[Follow]) -> None:
    """Let a job start after others: each of another name."""
    for each in follows:
        params = {"job_id": job_id, "upstream": each.upstream, "states": sorted(each.states)}
        connection.execute(_INSERT, params)


def drop(connection: Connection, job_id: UUID) -> None:
    """Let a job start after no other any more."""
    connection.execute(_DROP, {"job_id": job_id})


def of_job(connection: Connection, job_id: UUID) -> tuple[Follow, ...]:
    """What a job starts after, by name."""
    rows = connection.execute(
        select(follow.c.upstream, follow.c.states).where(follow.c.job_id == job_id)
    )
    return tuple(
        Follow(upstream=upstream, states=frozenset(map(RunState, states)))
        # Not ordered by the database: its order depends on where it was set up.
        for upstream, states in sorted(map(tuple, rows))
    )


def edges(connection: Connection, account_id: int) -> list[tuple[str, str]]:
    """Of the account's jobs that follow others: (name of the job, name of one it follows)."""
    rows = connection.execute(_EDGES, {"account_id": account_id})
    return [(name, upstream) for name, upstream in rows]
