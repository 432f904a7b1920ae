"""Attention: failing jobs and held destinations, found by index, bounded, past nobody else's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Connection, event

from app.domain.run import RunKind, RunState
from app.store import attention, recent_failures
from app.store.attention import MAX_EXAMINED
from tests.factories import add_account, open_engine
from tests.store.plans import rows_read

VERSIONS = itertools.count(1, 100_000)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

ADD = """
INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts,
                 reason, settled_at)
SELECT gen_random_uuid(), %(job_id)s, %(account_id)s, %(version)s + n, %(kind)s,
       %(due_at)s + n * interval '1 s',
       0, %(state)s, 1, 'reason ' || n, now()
FROM generate_series(1, %(number)s) n
"""


@pytest.fixture
def web(database: str) -> Iterator[Connection]:
    """A connection as the web has them."""
    engine = open_engine(database)
    with engine.connect() as opened:
        yield opened


def add(
    connection: psycopg.Connection,
    account_id: int,
    job: int,
    number: int,
    state: RunState = RunState.FAILED,
    *,
    kind: RunKind = RunKind.SCHEDULED,
    due_at: datetime = NOON,
) -> None:
    values: dict[str, Any] = {"job_id": UUID(int=job), "account_id": account_id, "number": number}
    values |= {"state": state, "kind": kind, "due_at": due_at, "version": next(VERSIONS)}
    connection.execute(ADD, values)


def hold(
    connection: psycopg.Connection, account_id: int, destination: str, number: int, state: str
) -> None:
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
        " send_at, look_at, attempts, destination, reason, planned_at)"
        " SELECT gen_random_uuid(), gen_random_uuid(), %s, 1, 'scheduled',"
        " %s + n * interval '1 s', true, %s, now() + interval '1 h', now() + interval '1 h', 1, %s,"
        " 'waiting: ' || n, now() FROM generate_series(1, %s) n",
        (account_id, NOON - timedelta(days=9), state, destination, number),
    )


def test_failures_are_grouped_by_job_the_newest_first(
    connection: psycopg.Connection, web: Connection, account_id: int
) -> None:
    add(connection, account_id, 1, 3)
    add(connection, account_id, 1, 2, RunState.DEAD, due_at=NOON - timedelta(minutes=1))
    add(connection, account_id, 1, 9, RunState.SUCCEEDED)
    add(connection, account_id, 2, 4, RunState.DEAD)
    add(connection, account_id, 3, 1, due_at=NOON - timedelta(days=2))
    for reported in (5, 6):
        add(connection, account_id, reported, 1, kind=RunKind.EVENT)
    add(connection, add_account(connection, "other"), 7, 8)

    found = attention.failures(web, account_id, NOON - timedelta(hours=1), limit=10)

    assert [
        (each.newest.job_id.int if each.newest.kind is not RunKind.EVENT else "events", each.count)
        for each in found.jobs
    ] == [(2, 4), (1, 5), ("events", 2)]
    assert [each.newest.reason for each in found.jobs][:2] == ["reason 4", "reason 3"]
    assert found.is_complete
    assert not attention.failures(web, account_id, NOON, limit=2).is_complete
    assert attention.failures(web, account_id, NOON + timedelta(days=1), limit=2).jobs == ()


def test_destinations_that_hold_calls_back_are_counted(
    connection: psycopg.Connection, web: Connection, account_id: int
) -> None:
    hold(connection, account_id, "http://a:80", 2, "waiting")
    hold(connection, account_id, "http://b:80", 3, "waiting")
    hold(connection, account_id, "http://c:80", 1, "claimed")
    hold(connection, add_account(connection, "other"), "http://d:80", 5, "waiting")

    found = attention.held_destinations(web, account_id, limit=10)

    assert [(each.destination, each.waiting, each.reason) for each in found.destinations] == [
        ("http://b:80", 3, "waiting: 3"),
        ("http://a:80", 2, "waiting: 2"),
    ]
    assert found.destinations[0].oldest_due_at == NOON - timedelta(days=9, seconds=-1)
    assert found.is_complete
    assert not attention.held_destinations(web, account_id, limit=1).is_complete


def test_no_more_runs_are_examined_than_may_be(
    connection: psycopg.Connection, web: Connection, account_id: int
) -> None:
    for owner in (account_id, add_account(connection, "other")):
        for state in (RunState.FAILED, RunState.DEAD, RunState.SUCCEEDED):
            add(connection, owner, owner, 10_000, state)
        hold(connection, owner, "http://a:80", 10_000, "waiting")
    connection.execute("VACUUM (ANALYZE) run, inflight")
    made: list[tuple[str, Any]] = []
    event.listen(web.engine, "before_cursor_execute", lambda *given: made.append(given[2:4]))

    failures = attention.failures(web, account_id, NOON, limit=5)
    held = attention.held_destinations(web, account_id, limit=5)
    statements = list(made)

    assert not failures.is_complete
    assert not held.is_complete
    assert sum(each.count for each in failures.jobs) == MAX_EXAMINED
    assert held.destinations[0].waiting == MAX_EXAMINED
    for statement, params in statements:
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
        (plan,) = web.exec_driver_sql(explained, params).scalar_one()
        for table in ("run_default", "inflight"):
            assert max(rows_read(plan["Plan"], table), default=0) <= MAX_EXAMINED, statement


def test_the_ends_of_the_newest_failures_are_read_from_the_index_and_bounded(
    connection: psycopg.Connection, web: Connection, account_id: int
) -> None:
    now = datetime.now(UTC)
    add(connection, account_id, 1, 3000, due_at=now - timedelta(hours=2))
    add(connection, account_id, 1, 3000, RunState.DEAD, due_at=now - timedelta(hours=2))
    add(connection, account_id, 1, 3, due_at=now - timedelta(days=3))
    add(connection, add_account(connection, "other"), 2, 3000, due_at=now - timedelta(hours=2))
    connection.execute("VACUUM (ANALYZE) run")
    made: list[tuple[str, Any]] = []
    event.listen(web.engine, "before_cursor_execute", lambda *given: made.append(given[2:4]))

    found = recent_failures.ended(web, account_id)

    assert len(found) == recent_failures.MAX_READ
    ((statement, params),) = made
    explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
    (plan,) = web.exec_driver_sql(explained, params).scalar_one()
    partitions = {
        row[0] for row in connection.execute("SELECT relid::text FROM pg_partition_tree('run')")
    }
    for partition in partitions:
        assert max(rows_read(plan["Plan"], partition), default=0) <= recent_failures.MAX_READ + 1
