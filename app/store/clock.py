"""Clock: what time it is by PostgreSQL, read by itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text


def read_clock(connection: Connection) -> datetime:
    """The database's clock now.

    Whoever decides what comes "after now" under a lock reads the clock once the lock is held: what
    was read before it may be older than all that the lock was waited for.
    """
    now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now
