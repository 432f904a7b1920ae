"""Trusted clock: the instant up to which expired rows are dropped, the same for all processes.

The database's clock may be wrong for a while, and rows that are dropped during that time are lost.
So the trusted clock follows the database's clock as long as that does not leap, and follows a leap
only after an hour without another one. Statements read the trusted clock with the function
`trusted_clock()` (migration 0026).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

import psycopg

from app.store.locks import Lock

MAX_AHEAD: Final = timedelta(minutes=10)
"""How far the database's clock may be ahead of the last trusted instant; `trusted_clock()` has the
same bound. Maintenance reads the clock every half minute: if the clock is further ahead, no
scheduler ran, or the clock leapt."""

STEADY_S: Final = 3600.0
"""How long the clock must have been steady to be trusted whatever it shows."""

_SEEN: Final = "SELECT seen_at, trusted_at, clock_timestamp() FROM database_clock"
_LOCK: Final = f"SELECT pg_advisory_xact_lock({Lock.TRUSTED_CLOCK})"
_SEE: Final = """
INSERT INTO database_clock (trusted_at, seen_at) VALUES (%(trusted)s, %(now)s)
ON CONFLICT (id) DO UPDATE SET trusted_at = excluded.trusted_at, seen_at = excluded.seen_at
"""


class Seen(NamedTuple):
    """How far the database's clock is behind its last reading, and ahead of the trusted clock."""

    behind: timedelta
    ahead: timedelta


def see(connection: psycopg.Connection, *, steady_s: float) -> Seen:
    """Read the database's clock, which has made no step for `steady_s` seconds, and store it."""
    none = timedelta()
    with connection.transaction():
        connection.execute(_LOCK)
        row = connection.execute(_SEEN).fetchone()
        if row is None:
            now = read(connection)
            connection.execute(_SEE, {"now": now, "trusted": now})
            return Seen(none, none)
        seen_at, trusted_at, now = row
        if now - trusted_at <= MAX_AHEAD or steady_s >= STEADY_S:
            trusted_at = now
        connection.execute(_SEE, {"now": now, "trusted": trusted_at})
    return Seen(max(seen_at - now, none), now - trusted_at)


def read(connection: psycopg.Connection) -> datetime:
    """Return the trusted clock."""
    row = connection.execute("SELECT trusted_clock()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    now: datetime = row[0]
    return now


def today(connection: psycopg.Connection) -> date:
    """Return the day by the trusted clock, in UTC."""
    return read(connection).date()
