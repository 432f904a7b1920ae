"""Fairness: one account is on time beside another whose backlog is for receivers that hang."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.e2e.conftest import Report
from tests.e2e.firings import arrivals, book_many, steadily
from tests.e2e.instance import Instance
from tests.e2e.sink import Sink
from tests.factories import one

ON_TIME = 5.0
BACKLOG = 25_000
ENOUGH = 2000
"""Calls under way that show the backlog to be at work."""

_HELD = "SELECT count(*) FROM inflight WHERE lease_until IS NOT NULL"

_OTHER = """
WITH made AS (INSERT INTO account (name) VALUES ('other') RETURNING id)
INSERT INTO signing_secret (account_id, sealed)
SELECT made.id, s.sealed FROM made, signing_secret s JOIN account a ON a.id = s.account_id
WHERE a.name = 'demo' RETURNING account_id
"""

# For 200 hosts: their caps together are more than a worker may have under way.
_BACKLOG = """
WITH wanted AS MATERIALIZED (
  SELECT n, gen_random_uuid() AS id FROM generate_series(1, %(count)s) n
), booked AS (
  INSERT INTO job (id, account_id, version, url, trigger, enabled)
  SELECT id, %(account)s, 1,
         format('http://127.0.%%s.%%s:%%s/', 1 + n %% 5, 1 + n %% 200, %(port)s::text),
         '{"kind": "at", "at": "2026-01-01T00:00:00Z"}', true
  FROM wanted
)
INSERT INTO due (job_id, account_id, version, recurring, next_at)
SELECT id, %(account)s, 1, false, now() - interval '1 h' FROM wanted
"""


@contextmanager
def silence() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("0.0.0.0", 0), backlog=4096) as listener:
        yield listener.getsockname()[1]


@contextmanager
def backlog(connection: psycopg.Connection, other: psycopg.Connection, port: int) -> Iterator[None]:
    """Overdue jobs of another account, which no statistics know of: they were made too soon."""
    account = one(connection, _OTHER)
    try:
        with connection.transaction():
            connection.execute(_BACKLOG, {"account": account, "count": BACKLOG, "port": f"{port}"})
            other.execute("ANALYZE job, due, inflight")
        yield
    finally:
        for table in ("due", "inflight", "job"):
            connection.execute(f"DELETE FROM {table} WHERE account_id = %s", (account,))


@pytest.mark.alone
def test_a_backlog_for_receivers_that_hang_holds_up_nobody_else(
    running: Instance, sink: Sink, connection: psycopg.Connection, report: Report
) -> None:
    with silence() as port, running.connect() as other, backlog(connection, other, port):
        mine = book_many(connection, sink.url(), steadily(10, 6))
        arrived = arrivals(sink, connection, mine)
        under_way = one(connection, _HELD)

    report(f"beside {under_way:,} calls under way for receivers that hang: {arrived.summary}")
    assert under_way > ENOUGH
    assert arrived.repeated == []
    assert arrived.lateness[-1] < ON_TIME
