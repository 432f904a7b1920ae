"""Retention: what was kept for long enough is dropped, a limited number of rows at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import psycopg

from app.store.queries import run

# Few, and found without an index: one for each rotation of the last hour, among all that there are.
_DROP_SECRETS: Final = "DELETE FROM signing_secret WHERE expires_at <= trusted_clock()"

# What no holder acknowledged, as it ended or lost its lease. A word names it for ten seconds.
_DROP_ABORTED: Final = """
DELETE FROM aborted
WHERE run_id = ANY (ARRAY(
  SELECT run_id FROM aborted WHERE aborted_at < trusted_clock() - interval '1 minute'
  ORDER BY aborted_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


def drop_secrets(connection: psycopg.Connection) -> int:
    """Drop signing secrets that have expired; how many there were."""
    return connection.execute(_DROP_SECRETS).rowcount


def drop_aborted(connection: psycopg.Connection, *, limit: int) -> int:
    """Drop up to `limit` notes of runs that were aborted a minute ago; how many there were."""
    return connection.execute(_DROP_ABORTED, {"limit": limit}).rowcount


def drop_superseded(connection: psycopg.Connection, first_kept: datetime, *, limit: int) -> int:
    """Drop up to `limit` contents that were superseded before `first_kept`; how many there were."""
    params = {"first_kept": first_kept, "limit": limit}
    return run(connection, "drop_superseded", params).rowcount
