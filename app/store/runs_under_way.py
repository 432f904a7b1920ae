"""Runs under way, counted by account now and then: what limits on them are judged by."""

from __future__ import annotations

from typing import Final

import psycopg
from sqlalchemy import Connection, text

# One scheduler counts; the others read. The table follows `inflight` at each count, row by row that
# has changed. Nobody waits for the disk: what a crash takes back is counted anew.
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(7233012459)"
_COUNT: Final = """
WITH counted AS MATERIALIZED (
  SELECT account_id, count(*)::integer AS runs FROM inflight GROUP BY account_id
), gone AS (
  DELETE FROM runs_under_way r
  WHERE NOT EXISTS (SELECT FROM counted WHERE counted.account_id = r.account_id)
)
INSERT INTO runs_under_way AS r (account_id, runs)
SELECT account_id, runs FROM counted ORDER BY account_id
ON CONFLICT (account_id) DO UPDATE SET runs = excluded.runs WHERE r.runs <> excluded.runs
"""
_FROM: Final = "SELECT account_id, runs FROM runs_under_way WHERE runs >= %(least)s"
_OF: Final = text("SELECT runs FROM runs_under_way WHERE account_id = :account_id")


def count_all(connection: psycopg.Connection) -> bool:
    """Count the runs of every account; False where another process does so at this moment."""
    with connection.transaction():
        connection.execute("SET LOCAL synchronous_commit TO off")
        (free,) = connection.execute(_LOCK).fetchone() or (False,)
        if free:
            connection.execute(_COUNT)
    return bool(free)


def at_least(connection: psycopg.Connection, least: int) -> dict[int, int]:
    """The accounts that had so many runs under way when they were last counted, and how many."""
    return dict(connection.execute(_FROM, {"least": least}).fetchall())


def of_account(connection: Connection, account_id: int) -> int:
    """How many runs an account had under way when they were last counted."""
    found: int | None = connection.execute(_OF, {"account_id": account_id}).scalar_one_or_none()
    return found or 0
