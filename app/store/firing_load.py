"""Firing load: the number of an account's next firings in each minute, from an index alone."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from app.domain.firing_load import FiringLoad, load

MAX_COUNTED: Final = 100_000
"""The most firings that are counted, the earliest. They take some 100 ms."""

_MINUTES: Final = text("""
SELECT date_bin('1 minute', at, 'epoch') AS minute, count(*) AS firings
FROM (SELECT coalesce(next_at, held_at) AS at FROM due
      WHERE account_id = :account_id AND coalesce(next_at, held_at) IS NOT NULL
        AND coalesce(next_at, held_at) < :until
      ORDER BY coalesce(next_at, held_at), job_id LIMIT :most) AS soon
GROUP BY minute ORDER BY minute
""")


def count(connection: Connection, account_id: int, begins: datetime, until: datetime) -> FiringLoad:
    """Count the firings before `until`; those before `begins` are overdue."""
    params = {"account_id": account_id, "until": until, "most": MAX_COUNTED}
    rows = connection.execute(_MINUTES, params).all()
    is_complete = sum(row.firings for row in rows) < MAX_COUNTED
    return load(
        begins,
        ((row.minute, row.firings) for row in rows),
        counted_until=None if is_complete else rows[-1].minute,
    )
