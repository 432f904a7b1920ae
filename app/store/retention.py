"""Retention: drop rows whose retention time is over, a limited number at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import psycopg

from app.store.queries import run

# A sequential scan of a small table; there is one expired row for each rotation of the last hour.
_DROP_SECRETS: Final = "DELETE FROM signing_secret WHERE expires_at <= trusted_clock()"

# Rows that no worker acknowledged, because it ended or lost its lease. The poll for cancelled runs
# reads a row for ten seconds.
_DROP_ABORTED: Final = """
DELETE FROM aborted
WHERE run_id = ANY (ARRAY(
  SELECT run_id FROM aborted WHERE aborted_at < trusted_clock() - interval '1 minute'
  ORDER BY aborted_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


def drop_secrets(connection: psycopg.Connection) -> int:
    """Drop expired signing secrets; return how many were dropped."""
    return connection.execute(_DROP_SECRETS).rowcount


def drop_aborted(connection: psycopg.Connection, *, limit: int) -> int:
    """Drop up to `limit` rows of runs that were aborted a minute ago; return how many."""
    return connection.execute(_DROP_ABORTED, {"limit": limit}).rowcount


def drop_superseded(connection: psycopg.Connection, first_kept: datetime, *, limit: int) -> int:
    """Drop up to `limit` contents that were superseded before `first_kept`; return how many."""
    params = {"first_kept": first_kept, "limit": limit}
    return run(connection, "drop_superseded", params).rowcount
