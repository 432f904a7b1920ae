"""Snapshots: the age of the oldest transaction that keeps VACUUM from removing dead rows."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

# Transactions of VACUUM itself do not count. Only members of pg_read_all_stats see this of sessions
# of other roles.
_OLDEST: Final = text("""
SELECT coalesce(extract(epoch FROM clock_timestamp() - least(
  (SELECT min(xact_start) FROM pg_stat_activity
   WHERE datname = current_database() AND pid <> pg_backend_pid()
     AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
     AND pid <> ALL (ARRAY(SELECT pid FROM pg_stat_progress_vacuum))),
  (SELECT min(prepared) FROM pg_prepared_xacts WHERE database = current_database())
)), 0)::float8
""")


def oldest_age(connection: Connection) -> float:
    """Return the age in seconds of the oldest transaction with a snapshot or an id; else 0."""
    age: float = connection.execute(_OLDEST).scalar_one()
    return max(age, 0.0)
