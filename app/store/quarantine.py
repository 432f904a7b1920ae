"""Quarantine: the waiting suspects, the sizes of their groups, and the lock of the quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import psycopg

from app.domain.timings.leases import SUSPECT_AFTER
from app.store.locks import Lock
from app.store.queries import run
from app.store.takes import Ticket, columns

# A lock of a transaction, not of a session: a pooler may share sessions. PostgreSQL releases
# it when the session ends, and ends a session that is idle for this long.
_LOCK: Final = f"""
SELECT set_config('idle_in_transaction_session_timeout', '10s', true),
       pg_try_advisory_xact_lock({Lock.QUARANTINE})
"""

# pg_locks is read instead of trying the lock: a try would hold the lock for a moment, in which a
# process that just starts could not get it.
_IS_TAKEN: Final = f"""
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND (classid::bigint << 32) + objid::bigint = {Lock.QUARANTINE}
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608 - a number of ours
_IS_MINE: Final = f"{_IS_TAKEN} AND pid = pg_backend_pid()"


def suspects(connection: psycopg.Connection, *, limit: int) -> list[tuple[Ticket, int | None]]:
    """Return runs whose lease ran out SUSPECT_AFTER times, each with the size of its group."""
    rows = run(connection, "suspects", {"limit": limit}).fetchall()
    return [((run_id, token), group_size) for run_id, token, group_size in rows]


def set_group_size(
    connection: psycopg.Connection, tickets: Sequence[Ticket], size: int
) -> set[UUID]:
    """Store the size of a group before its runs are tried; return the runs that are still free."""
    ids, tokens = columns(tickets)
    params = {"ids": ids, "tokens": tokens, "size": size, "suspect_after": SUSPECT_AFTER}
    return {row[0] for row in run(connection, "set_group_size", params).fetchall()}


def is_at_work(connection: psycopg.Connection) -> bool:
    """Return whether a process is trying suspects."""
    return connection.execute(_IS_TAKEN).fetchone() is not None


def lock(connection: psycopg.Connection) -> bool:
    """Begin a transaction that takes the lock; return False if another process has it.

    The lock is held until the connection is closed, or idle for ten seconds.
    """
    connection.execute("BEGIN")
    row = connection.execute(_LOCK).fetchone()
    return row is not None and bool(row[1])


def keep_lock(connection: psycopg.Connection) -> bool:
    """Keep the session of the lock from being idle; return False, or raise, if the lock is lost."""
    return connection.execute(_IS_MINE).fetchone() is not None
