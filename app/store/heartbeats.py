"""Heartbeats: the row that each scheduler and worker writes to show that it is running."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from app.domain.timings.leases import HEARTBEAT_MAX_AGE
from app.domain.waiting_report import WaitingReport

_BEAT: Final = """
INSERT INTO heartbeat (process, id, beaten_at, held)
VALUES (%(process)s, %(id)s, clock_timestamp(), %(held)s)
ON CONFLICT (process, id) DO UPDATE SET beaten_at = excluded.beaten_at, held = excluded.held
"""

_FORGET: Final = "DELETE FROM heartbeat WHERE process = %(process)s AND id = %(id)s"

_FORGET_STALE: Final = (
    "DELETE FROM heartbeat WHERE beaten_at < clock_timestamp() - interval '1 hour'"
)

_ALIVE: Final = text("""
SELECT DISTINCT process FROM heartbeat WHERE beaten_at > clock_timestamp() - :max_age
""")

_MAX_LISTED: Final = 200

_LISTED: Final = text("""
SELECT process, id, beaten_at, beaten_at > clock_timestamp() - :max_age FROM heartbeat
ORDER BY process, beaten_at DESC LIMIT :limit
""")

# A worker reports few destinations, and there are few workers.
_HELD: Final = text("""
SELECT (row->>0)::bigint AS account_id, row->>1 AS destination, row->>2 AS state,
       (row->>3)::bigint AS under_way, (row->>4)::bigint AS waiting,
       h.beaten_at + (row->>5)::float * interval '1 second' AS next_call_at, a.name
FROM heartbeat h CROSS JOIN LATERAL jsonb_array_elements(h.held) AS row
LEFT JOIN account a ON a.id = (row->>0)::bigint
WHERE h.process = 'worker' AND h.beaten_at > clock_timestamp() - :max_age
  AND (CAST(:account_id AS bigint) IS NULL OR (row->>0)::bigint = :account_id)
""")

# The quarantine is not counted: it has few calls under way, and needs no share.
_WORKERS: Final = """
SELECT count(*) FROM heartbeat
WHERE process = 'worker' AND id NOT LIKE '%%.alone' AND beaten_at > clock_timestamp() - %(max_age)s
"""


class Heartbeat(NamedTuple):
    """The heartbeat of a scheduler or worker."""

    process: str
    id: str
    at: datetime
    is_recent: bool
    """Whether the process is taken to be running."""


def beat(
    connection: psycopg.Connection,
    process: str,
    identity: str,
    held: Sequence[Sequence[Any]] = (),
) -> None:
    """Write that this scheduler or worker is running, and for what it holds calls back.

    `held` is a report of workers/dispatch/waiting_destinations.py.
    """
    params = {"process": process, "id": identity, "held": Jsonb(held) if held else None}
    connection.execute(_BEAT, params)


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


def list_all(connection: Connection) -> tuple[Heartbeat, ...]:
    """Return the heartbeats of the last hour, by kind of process, the newest first."""
    rows = connection.execute(_LISTED, {"max_age": HEARTBEAT_MAX_AGE, "limit": _MAX_LISTED})
    return tuple(Heartbeat(*row) for row in rows)


def held(connection: Connection, account_id: int | None = None) -> list[WaitingReport]:
    """Return what running workers report of an account's destinations, or of all accounts'."""
    rows = connection.execute(_HELD, {"max_age": HEARTBEAT_MAX_AGE, "account_id": account_id})
    return [
        WaitingReport(
            account_id=row.account_id,
            destination=row.destination,
            state=row.state,
            under_way=row.under_way,
            waiting=row.waiting,
            next_call_at=row.next_call_at,
            account=row.name or "",
        )
        for row in rows
    ]
