"""Follows: which jobs start when which others end; the others are given by name."""

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
    """The endpoint of the Fusion job that SQL calls `name`, as the index job_name has it.

    Tasks have none, and the other jobs have their type.
    """
    return f"replace(split_part({name}, ':', 1), 'task', '')"


_FOLLOWED: Final = f"""
SELECT f.upstream
FROM job j JOIN follow f ON f.job_id = j.id
WHERE j.account_id = :account_id AND j.dialect = 'fusion'
  AND j.endpoint = {endpoint_of("b.name")} AND j.name = b.name
"""  # noqa: S608 - joined from constants of this module

# Breadth first: a name is followed further once, in time in proportion to what is found.
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
    """How many jobs come before others in their chains, up to a limit, and if one is among them.

    Counted by name, whether there is a job of that name or not.
    """

    jobs: int
    is_met: bool


def insert(connection: psycopg.Connection, job_id: UUID, follows: Sequence[Follow]) -> None:
    """Let a job start after others: each of another name."""
    for each in follows:
        params = {"job_id": job_id, "upstream": each.upstream, "states": sorted(each.states)}
        run(connection, "follow", params)


def drop(connection: psycopg.Connection, job_id: UUID) -> None:
    """Let a job start after no other."""
    run(connection, "unfollow", {"job_id": job_id})


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


def count_followers(
    connection: Connection, account_id: int, upstreams: Sequence[str]
) -> dict[str, int]:
    """How many of the account's jobs follow each of these; a name that none follows is absent."""
    params = {"account_id": account_id, "upstreams": list(upstreams)}
    rows = connection.execute(_FOLLOWERS, params)
    return dict(map(tuple, rows))


def before(
    connection: Connection, account_id: int, upstreams: Sequence[str], name: str, *, limit: int
) -> Before:
    """The jobs named in `upstreams`, those which they follow, and so on, up to `limit`.

    And whether the job `name` is among them.
    """
    params = {"account_id": account_id, "upstreams": list(upstreams), "limit": limit}
    row = connection.execute(_COUNT, {**params, "name": name}).one()
    return Before(row.jobs, row.is_met)


def edges_before(
    connection: Connection, account_id: int, upstreams: Sequence[str], *, limit: int, edges: int
) -> list[tuple[str, str]]:
    """Of the jobs that `before` finds: (name of the job, name of one it follows), up to `edges`."""
    params = {"account_id": account_id, "upstreams": list(upstreams)}
    rows = connection.execute(_EDGES, {**params, "limit": limit, "edges": edges})
    return [(name, upstream) for name, upstream in rows]
