"""Snapshots: how long ago the oldest transaction began that keeps dead rows from being removed."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

# VACUUM's own transactions keep nothing. Of the sessions of other roles, PostgreSQL shows this to
# members of pg_read_all_stats alone.
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
    """The age in seconds of the oldest transaction with a snapshot or an id; 0 without one."""
    age: float = connection.execute(_OLDEST).scalar_one()
    return max(age, 0.0)
