"""Clock: the present time by PostgreSQL's clock."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text


def read_clock(connection: Connection) -> datetime:
    """Return the database's clock.

    A decision under a lock about what is due "after now" must read the clock after it got the lock:
    a clock that was read before may be older than the changes for which the lock was waited.
    """
    now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now
