"""History: of a run's attempts the newest are read, by index, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import event

from app.api.context import current_context
from app.domain.run import Position, RunState
from app.domain.run_filter import RunFilter
from app.store import history, run_list
from app.store.engine import db
from app.store.partitions import make_ahead
from tests.store.plans import rows_read

RUNS, ATTEMPTS = 60, 100


def add(connection: psycopg.Connection, account_id: int) -> None:
    """Runs on several days, each with a partition of its own, and each attempted often."""
    for ago in (20, 10, 0):
        make_ahead(connection, datetime.now(UTC).date() - timedelta(days=ago))
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
        " attempts, settled_at) SELECT gen_random_uuid(), gen_random_uuid(), %s, 1, 'scheduled',"
        " now() - n * interval '3 h', 0, 'failed', %s, now() FROM generate_series(1, %s) AS n",
        (account_id, ATTEMPTS, RUNS),
    )
    connection.execute(
        "INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, total_ms)"
        " SELECT id, due_at, n, now(), 1, 500, 1 FROM run, generate_series(1, attempts) AS n"
    )
    connection.execute("VACUUM (ANALYZE) run, attempt")


def partitions(connection: psycopg.Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'attempt'::regclass"
    )
    return (name for (name,) in rows)


def test_the_newest_attempts_of_a_page_are_read_and_no_others(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    add(connection, account_id)
    queries: list[tuple[str, Any]] = []

    def note(*args: Any) -> None:
        if "FROM attempt" in str(args[2]):
            queries.append((str(args[2]), args[3]))

    event.listen(db.engine, "before_cursor_execute", note)
    every = RunFilter(states=frozenset(RunState))
    with current_context().database.transaction() as on:
        rows = run_list.page(on, account_id, every, after=None, limit=1000).rows
        runs = list(history.runs_of(on, rows))
        position = Position(due_at=runs[0].due_at, id=runs[0].id)
        rest = list(history.attempts_of(on, position, before=ATTEMPTS - 19, limit=30))
    assert len(runs) == RUNS
    for run in runs:
        assert [each.number for each in run.attempts] == [*range(ATTEMPTS - 19, ATTEMPTS + 1)]
        assert run.omitted_attempts == ATTEMPTS - 20
    assert [each.number for each in rest] == [*range(ATTEMPTS - 20, ATTEMPTS - 50, -1)]
    asked, read = tuple(queries), 0.0
    with current_context().database.transaction() as on:
        for query, params in asked:
            plan = on.exec_driver_sql(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", params
            ).scalar_one()
            for name in partitions(connection):
                read += sum(rows_read(plan[0]["Plan"], name))
    assert len(asked) == -(-RUNS // (256 // 20)) + 1
    # Of one run alone, all may be read.
    assert RUNS * 20 + 30 <= read <= RUNS * 20 + ATTEMPTS


def test_of_a_brief_page_the_first_and_the_newest_attempts_are_read_by_their_keys(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    add(connection, account_id)
    queries: list[tuple[str, Any]] = []

    def note(*args: Any) -> None:
        if "FROM attempt" in str(args[2]):
            queries.append((str(args[2]), args[3]))

    event.listen(db.engine, "before_cursor_execute", note)
    every = RunFilter(states=frozenset(RunState))
    with current_context().database.transaction() as on:
        rows = run_list.page(on, account_id, every, after=None, limit=1000).rows
        runs = list(history.runs_of(on, rows, brief=True))
    assert {tuple(each.number for each in run.attempts) for run in runs} == {(1, ATTEMPTS)}
    assert {run.omitted_attempts for run in runs} == {ATTEMPTS - 2}
    ((query, params),) = queries
    with current_context().database.transaction() as on:
        plan = on.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", params).scalar_one()
    read = sum(sum(rows_read(plan[0]["Plan"], name)) for name in partitions(connection))
    assert len(runs) * 2 <= read <= len(runs) * 4
