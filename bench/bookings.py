"""Bookings: jobs put in by SQL, as many and as fast as no client would book them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psycopg

from app.store import tables
from bench.receiver import ADDRESSES

BODY_BYTES: Final = 500
_CHUNK: Final = 20_000

# What a booking over HTTP stores (app/store/jobs.py), with ids of the same kind. The instants are
# spread evenly, each at a random place within its step: aligned to the receiver's clock, which
# ticks in milliseconds, all of them would be early or late by the same part of one.
_BOOK: Final = """
WITH wanted AS MATERIALIZED (
  SELECT n, uuidv7() AS id,
         (%(accounts)s::bigint[])[1 + n %% cardinality(%(accounts)s::bigint[])] AS account_id,
         %(first)s::timestamptz + (n + random()) * %(step)s::interval AS due_at
  FROM generate_series(%(low)s::bigint, %(high)s::bigint) n
), booked AS (
  INSERT INTO job (id, account_id, version, url, content_type, data, trigger, enabled)
  SELECT id, account_id, 1,
         %(scheme)s || '://' || (%(addresses)s::text[])[1 + n %% cardinality(%(addresses)s::text[])]
           || ':' || CASE WHEN %(every)s > 0 AND n %% greatest(%(every)s, 1) = 0
                          THEN %(other_port)s ELSE %(port)s END || '/wake',
         'application/json',
         convert_to(rpad(format('{"order": %%s, "text": "', n), %(bytes)s - 2, 'wake up ') || '"}',
                    'UTF8'),
         jsonb_build_object('kind', 'at', 'at',
           to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
         true
  FROM wanted
)
INSERT INTO due (job_id, account_id, version, recurring, next_at)
SELECT id, account_id, 1, false, due_at FROM wanted
"""

# Recurring jobs, each with an expression of its own, all due at one instant.
_BOOK_CRONS: Final = """
WITH wanted AS MATERIALIZED (
  SELECT n, expression, uuidv7() AS id
  FROM unnest(%(expressions)s::text[]) WITH ORDINALITY AS v (expression, n)
), booked AS (
  INSERT INTO job (id, account_id, version, url, content_type, data, trigger, enabled)
  SELECT id, %(account)s, 1,
         %(scheme)s || '://' || (%(addresses)s::text[])[1 + n %% cardinality(%(addresses)s::text[])]
           || ':' || %(port)s || '/wake',
         'application/json',
         convert_to(rpad(format('{"order": %%s, "text": "', n), %(bytes)s - 2, 'wake up ') || '"}',
                    'UTF8'),
         jsonb_build_object('kind', 'cron', 'expression', expression),
         true
  FROM wanted
)
INSERT INTO due (job_id, account_id, version, recurring, next_at)
SELECT id, %(account)s, 1, true, %(first)s::timestamptz FROM wanted
"""

# In the order in which the product locks them (docs/architecture.md), so that neither waits for
# the other in a circle.
_LOCKED_FIRST: Final = ("due", "inflight", "run", "attempt", "job")
_ATTEMPTS: Final = 5
KEPT: Final = frozenset(
    (
        *("account", "api_key", "signing_secret", "heartbeat", "tally", "accuracy"),
        *("web_user", "membership", "web_session"),
    )
)
"""Tables that a purge keeps: accounts, their users, and what was measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Jobs to be booked: `count` of them, `step` apart from `first` on, taking accounts in turn.

    One in `every` goes to `other_port`, none where it is 0. With `expressions`, one a job, they
    are recurring, all due at `first`.
    """

    accounts: list[int]
    count: int
    first: datetime
    step: timedelta = timedelta()
    port: int
    scheme: str = "http"
    every: int = 0
    other_port: int = 0
    expressions: Sequence[str] = ()


def book(
    connection: psycopg.Connection,
    batch: Batch,
    progress: Callable[[str], None] = lambda _text: None,
    *,
    tidy: bool = True,
) -> None:
    """Book them all; committed in pieces, unless the caller has begun a transaction.

    Then have the tables look as if they had been booked long ago: vacuumed and analysed.
    """
    for low in range(0, batch.count, _CHUNK):
        high = min(low + _CHUNK, batch.count)
        connection.execute(
            _BOOK_CRONS if batch.expressions else _BOOK,
            {
                "accounts": batch.accounts,
                "account": batch.accounts[0],
                "addresses": list(ADDRESSES),
                "expressions": list(batch.expressions[low:high]),
                "first": batch.first,
                "step": batch.step,
                "low": low,
                "high": high - 1,
                "scheme": batch.scheme,
                "port": f"{batch.port}",
                "other_port": f"{batch.other_port}",
                "every": batch.every,
                "bytes": BODY_BYTES,
            },
        )
        progress(f"{high:,} of {batch.count:,} jobs booked")
    if tidy:
        settle_down(connection)


def settle_down(connection: psycopg.Connection) -> None:
    """Do now what autovacuum would do in the middle of the measurement."""
    connection.execute("VACUUM (ANALYZE) job")
    connection.execute("VACUUM (ANALYZE) due")


def purge(connection: psycopg.Connection) -> None:
    """Remove all jobs, runs and attempts, so that no phase meets what another left."""
    others = sorted(tables.job.metadata.tables.keys() - KEPT - set(_LOCKED_FIRST))
    statement = f"TRUNCATE {', '.join((*_LOCKED_FIRST, *others))}"
    for _ in range(_ATTEMPTS):
        # Of a backlog that is still being called, transactions of several statements may have
        # locked a later table before they ask for an earlier one.
        with suppress(psycopg.errors.DeadlockDetected):
            connection.execute(statement)
            return
    connection.execute(statement)


def seconds_for(count: int) -> float:
    """How far ahead to book so that all stands before the first is due."""
    return 2.0 + count / 8_000
