"""Heartbeats: the row that each scheduler and worker writes to show that it is running."""

from __future__ import annotations

from typing import Final

import psycopg
from sqlalchemy import Connection, text

from app.domain.timings.leases import HEARTBEAT_MAX_AGE

_BEAT: Final = """
INSERT INTO heartbeat (process, id, beaten_at)
VALUES (%(process)s, %(id)s, clock_timestamp())
ON CONFLICT (process, id) DO UPDATE SET beaten_at = excluded.beaten_at
"""

_FORGET: Final = "DELETE FROM heartbeat WHERE process = %(process)s AND id = %(id)s"

_FORGET_STALE: Final = (
    "DELETE FROM heartbeat WHERE beaten_at < clock_timestamp() - interval '1 hour'"
)

_ALIVE: Final = text("""
SELECT DISTINCT process FROM heartbeat WHERE beaten_at > clock_timestamp() - :max_age
""")

# The quarantine is not counted: it has few calls under way, and needs no share.
_WORKERS: Final = """
SELECT count(*) FROM heartbeat
WHERE process = 'worker' AND id NOT LIKE '%%.alone' AND beaten_at > clock_timestamp() - %(max_age)s
"""


def beat(connection: psycopg.Connection, process: str, identity: str) -> None:
    """Write that this scheduler or worker is running."""
    connection.execute(_BEAT, {"process": process, "id": identity})


def deregister(connection: psycopg.Connection, process: str, identity: str) -> None:
    """Delete the heartbeat of a process that ends regularly."""
    connection.execute(_FORGET, {"process": process, "id": identity})


def forget_stale(connection: psycopg.Connection) -> None:
    """Drop the heartbeats of processes that ended long ago."""
    connection.execute(_FORGET_STALE)


def workers(connection: psycopg.Connection) -> int:
    """Return how many workers have a recent heartbeat."""
    row = connection.execute(_WORKERS, {"max_age": HEARTBEAT_MAX_AGE}).fetchone()
    return 0 if row is None else int(row[0])


def alive(connection: Connection) -> frozenset[str]:
    """Return the kinds of process of which at least one has a recent heartbeat."""
    return frozenset(connection.execute(_ALIVE, {"max_age": HEARTBEAT_MAX_AGE}).scalars())
