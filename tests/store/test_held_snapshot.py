"""Beside a transaction that stays open, reading the queues costs as much as without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
import pytest

from app.domain.timings.claiming import LOOKBACK, UNBOUNDED_S
from app.store import claims, rescue, takes
from app.store.claims import claim
from app.store.connection import ReconnectingConnection
from app.store.queries import SQL, run
from app.store.rescue import check
from app.store.takes import untaken
from tests.factories import add_account, connect, one

DEAD = 4000

# Rows that left the queues while the other transaction was open: first in due, then in inflight.
LEAVE = """
WITH v AS MATERIALIZED (
  SELECT gen_random_uuid() AS id, now() - interval '1 minute' - n * interval '0.1 s' AS at
  FROM generate_series(1, %(number)s) n
), jobs AS (
  INSERT INTO job (id, account_id, version, url, trigger, enabled)
  SELECT id, %(account)s, 1, 'http://127.0.0.1/', '{"kind": "at", "at": "2020-01-01T00:00:00Z"}',
         true FROM v
), runs AS (
  INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state, send_at,
                        look_at)
  SELECT id, id, %(account)s, 1, 'scheduled', at, true, 'claimed', at, at FROM v
)
INSERT INTO due (job_id, account_id, version, recurring, next_at)
SELECT id, %(account)s, 1, false, at FROM v
"""


@pytest.fixture
def open_since(database: str) -> Iterator[psycopg.Connection]:
    """A transaction that stays open, as that of a backup does."""
    with connect(database) as opened, opened.transaction():
        opened.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert one(opened, "SELECT count(*) FROM due") == 0
        yield opened


@pytest.fixture
def worker(database: str) -> Iterator[psycopg.Connection]:
    """A session as scheduler and worker have theirs."""
    reconnecting = ReconnectingConnection(database, "worker")
    with reconnecting.use() as opened:
        yield opened
    reconnecting.close()


def call_claim(connection: psycopg.Connection, lookback: float) -> int:
    found = claim(connection, budget=100, ahead=0.3, unreadable=lambda *_: None, lookback=lookback)
    return found.found


def call_check(connection: psycopg.Connection, lookback: float) -> int:
    return len(check(connection, limit=100, leases_count=True, lookback=lookback).to_notify)


def call_untaken(connection: psycopg.Connection, lookback: float) -> int:
    return len(untaken(connection, late=0.1, limit=100, lookback=lookback))


@pytest.mark.usefixtures("open_since")
@pytest.mark.parametrize(
    ("name", "module", "call"),
    [
        ("claim_due", claims, call_claim),
        ("fetch_checkable", rescue, call_check),
        ("untaken", takes, call_untaken),
    ],
)
def test_no_more_is_read_the_more_is_dead(
    connection: psycopg.Connection,
    worker: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: Any,
    call: Callable[[psycopg.Connection, float], int],
) -> None:
    asked: list[Mapping[str, Any]] = []

    def asking(on: psycopg.Connection, statement: str, params: Mapping[str, Any]) -> Any:
        if statement == name:
            asked.append(params)
        return run(on, statement, params)

    monkeypatch.setattr(module, "run", asking)
    account = add_account(connection)
    # They were written in good time.
    connection.execute("ALTER TABLE due DISABLE TRIGGER due_late")

    def buffers(lookback: float) -> int:
        """What the statement reads, with the parameters that it is called with."""
        assert call(worker, lookback) == 0
        query = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {SQL[name].replace(')b', ')s')}"
        with psycopg.ClientCursor(worker) as cursor:
            row = cursor.execute(query, asked[-1]).fetchone()
        assert row is not None
        plan = row[0][0]["Plan"]
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

    def leave() -> None:
        with connection.transaction():
            connection.execute(LEAVE, {"account": account, "number": DEAD})
        connection.execute("UPDATE due SET next_at = NULL WHERE next_at IS NOT NULL")
        connection.execute("DELETE FROM inflight")

    bounded = LOOKBACK.total_seconds()
    leave()
    once = buffers(bounded)
    leave()
    leave()

    assert buffers(bounded) <= once + 20
    # There is something to walk past: a reader of all of it does.
    assert buffers(UNBOUNDED_S) > once + 100
