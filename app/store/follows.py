"""Follows: the rows that start a job when another one ends; the other one is given by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from sqlalchemy import Connection, select, text

from app.domain.follow import Follow
from app.domain.run import RunState
from app.store.queries import run
from app.store.tables import follow


def endpoint_of(name: str) -> str:
    """Return SQL for the endpoint of the Fusion job that `name` names, as in the index job_name.

    The endpoint of a task is empty; that of any other job is its type.
    """
    return f"replace(split_part({name}, ':', 1), 'task', '')"


_FOLLOWED: Final = f"""
SELECT f.upstream
FROM job j JOIN follow f ON f.job_id = j.id
WHERE j.account_id = :account_id AND j.dialect = 'fusion'
  AND j.endpoint = {endpoint_of("b.name")} AND j.name = b.name
"""  # noqa: S608 - joined from constants of this module

# Breadth first: each name is expanded once, in time proportional to the number of names found.
_BEFORE: Final = f"""
WITH RECURSIVE before (name) AS (
  SELECT unnest(CAST(:upstreams AS text[]))
  UNION
  SELECT f.upstream FROM before b CROSS JOIN LATERAL ({_FOLLOWED}) f
)
SELECT name FROM before LIMIT :limit
"""  # noqa: S608 - as above

_COUNT: Final = text(f"""
SELECT count(*) AS jobs, coalesce(bool_or(name = :name), false) AS is_met FROM ({_BEFORE}) AS b
""")  # noqa: S608 - as above

_EDGES: Final = text(f"""
SELECT b.name, f.upstream
FROM ({_BEFORE}) AS b CROSS JOIN LATERAL ({_FOLLOWED}) f
LIMIT :edges
""")  # noqa: S608 - as above


_FOLLOWERS: Final = text("""
SELECT upstream, count(*) FROM follow
WHERE account_id = :account_id AND upstream = ANY (:upstreams) GROUP BY upstream
""")


class Before(NamedTuple):
    """The jobs that come before some jobs in their chains, by name, whether they exist or not."""

    jobs: int
    """How many there are, up to a limit."""
    is_met: bool
    """Whether the job that was asked for is among them."""


def insert(connection: psycopg.Connection, job_id: UUID, follows: Sequence[Follow]) -> None:
    """Let a job start after others, which must have different names."""
    for each in follows:
        params = {"job_id": job_id, "upstream": each.upstream, "states": sorted(each.states)}
        run(connection, "follow", params)


def drop(connection: psycopg.Connection, job_id: UUID) -> None:
    """Let a job no longer start after other jobs."""
    run(connection, "unfollow", {"job_id": job_id})


def of_job(connection: Connection, job_id: UUID) -> tuple[Follow, ...]:
    """Return the jobs after which a job starts, ordered by name."""
    rows = connection.execute(
        select(follow.c.upstream, follow.c.states).where(follow.c.job_id == job_id)
    )
    return tuple(
        Follow(upstream=upstream, states=frozenset(map(RunState, states)))
        # Not ordered by the database, because its order of texts depends on its locale.
        for upstream, states in sorted(map(tuple, rows))
    )


def count_followers(
    connection: Connection, account_id: int, upstreams: Sequence[str]
) -> dict[str, int]:
    """Return how many of the account's jobs follow each name, without names that none follows."""
    params = {"account_id": account_id, "upstreams": list(upstreams)}
    rows = connection.execute(_FOLLOWERS, params)
    return dict(map(tuple, rows))


def before(
    connection: Connection, account_id: int, upstreams: Sequence[str], name: str, *, limit: int
) -> Before:
    """Count the jobs in `upstreams`, the jobs that these follow, and so on, up to `limit`.

    Also returns whether the job `name` is among them.
    """
    params = {"account_id": account_id, "upstreams": list(upstreams), "limit": limit}
    row = connection.execute(_COUNT, {**params, "name": name}).one()
    return Before(row.jobs, row.is_met)


def edges_before(
    connection: Connection, account_id: int, upstreams: Sequence[str], *, limit: int, edges: int
) -> list[tuple[str, str]]:
    """Return up to `edges` pairs (job, job that it follows) among the jobs that `before` counts."""
    params = {"account_id": account_id, "upstreams": list(upstreams)}
    rows = connection.execute(_EDGES, {**params, "limit": limit, "edges": edges})
    return [(name, upstream) for name, upstream in rows]
