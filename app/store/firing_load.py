"""Firing load: the number of an account's next firings in each minute, from an index alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, text

from app.domain.firing_load import FiringLoad, load

MAX_COUNTED: Final = 100_000
"""The most firings that are counted, the earliest."""

_AT_ONCE: Final = 50_000
"""The firings that one statement counts, in some 30 ms: each is a look-up in the table."""

_MINUTES: Final = text("""
SELECT date_bin('1 minute', at, 'epoch') AS minute, count(*) AS firings
FROM (SELECT coalesce(next_at, held_at) AS at FROM due
      WHERE account_id = :account_id AND coalesce(next_at, held_at) IS NOT NULL
        AND coalesce(next_at, held_at) >= :since AND coalesce(next_at, held_at) < :until
      ORDER BY coalesce(next_at, held_at), job_id LIMIT :most) AS soon
GROUP BY minute ORDER BY minute
""")
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def count(connection: Connection, account_id: int, begins: datetime, until: datetime) -> FiringLoad:
    """Count the firings before `until`; those before `begins` are overdue."""
    minutes: dict[datetime, int] = {}
    since, left = _EARLIEST, MAX_COUNTED
    while left > 0:
        most = min(_AT_ONCE, left)
        params = {"account_id": account_id, "since": since, "until": until, "most": most}
        rows = connection.execute(_MINUTES, params).all()
        minutes |= {row.minute: row.firings for row in rows}
        if sum(row.firings for row in rows) < most:
            return load(begins, minutes.items(), counted_until=None)
        # The last minute may have more, and is counted again.
        since = max(since, rows[-1].minute)
        left -= most
    return load(begins, minutes.items(), counted_until=since)
