"""Pages: live and settled runs in one list, each once, found by index whatever there is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event
from uuid6 import uuid7

from app.api.context import current_context
from app.domain.circuit_breaker import BlockReason
from app.domain.run import LIVE, SETTLED, Position, Run, RunState
from app.domain.run_filter import RunFilter
from app.store import history, redelivery, run_list
from app.store.engine import db
from app.store.parking import Parking, park
from app.store.rescue import check
from tests.factories import add_account, book, claim_all, one

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMIT = 50
VERSIONS = itertools.count(1)
LONG = frozenset({RunState.WAITING, RunState.RUNNING})
"""The states in which a run may be for hours, all of which come after an attempt."""

EVERY = RunFilter(states=frozenset(RunState))
COLUMNS = "id, job_id, account_id, job_version, kind, due_at, missed, state, attempts"


def add(
    connection: psycopg.Connection,
    account_id: int,
    state: RunState,
    due_at: datetime,
    job_id: UUID | None = None,
) -> UUID:
    """A run in the table where one of that state is."""
    run_id, attempts = UUID(int=uuid7().int), 0 if state in LIVE - LONG else 1
    values = (
        *(run_id, job_id or UUID(int=uuid7().int), account_id),
        *(next(VERSIONS), "scheduled", due_at, 0),
        *(state, attempts),
    )
    marks = ", ".join(["%s"] * len(values))
    if state in SETTLED:
        connection.execute(
            f"INSERT INTO run ({COLUMNS}, settled_at) VALUES ({marks}, now())", values
        )
        return run_id
    look = "2 hours" if state in LONG else "3 s"
    connection.execute(
        f"INSERT INTO inflight ({COLUMNS}, final, send_at, look_at, lease_until, complete_by)"
        f" VALUES ({marks}, true, %s, now() + %s::interval, CASE WHEN %s = 'taken' THEN now() END,"
        " CASE WHEN %s = 'running' THEN now() END)",
        (*values, due_at, look, state, state),
    )
    return run_id


def walk(account_id: int, wanted: RunFilter = EVERY, limit: int = 2) -> list[Run]:
    """All pages after one another."""
    found: list[Run] = []
    after: Position | None = None
    while True:
        with current_context().database.transaction() as connection:
            rows = run_list.page(connection, account_id, wanted, after=after, limit=limit).rows
            page = list(history.runs_of(connection, rows))
        if not page:
            return found
        found += page
        after = Position(due_at=page[-1].due_at, id=page[-1].id)


def test_every_state_is_in_one_list_newest_first(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    # Days apart, and thrice at the same instant, so that pages break within and between these.
    made = [
        (due_at, add(connection, account_id, state, due_at))
        for due_at in (NOON, NOON + timedelta(days=1), NOON, NOON + timedelta(days=2))
        for state in RunState
    ]
    other = add_account(connection, "other")
    for state in RunState:
        add(connection, other, state, NOON)
    newest_first = [run_id for _, run_id in sorted(made, reverse=True)]

    for limit in (1, 2, 7, 100):
        assert [run.id for run in walk(account_id, limit=limit)] == newest_first


def test_a_run_parked_for_long_before_any_attempt_is_in_the_list(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    run_id = add(connection, account_id, RunState.TAKEN, NOON)
    back = Parking(
        id=run_id,
        token=1,
        destination="http://127.0.0.1:80",
        park_for=1800.0,
        block_reason=BlockReason.FULL,
        reason="waiting",
    )
    assert park(connection, [back]) == ({run_id}, set())

    assert [run.id for run in walk(account_id)] == [run_id]


def test_a_run_that_waits_until_its_account_is_resumed_is_in_the_list(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (claimed,) = claim_all(connection)
    connection.execute("UPDATE account SET suspended_at = clock_timestamp()")
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    assert check(connection, limit=10, leases_count=True).to_notify == []

    assert [run.id for run in walk(account_id)] == [claimed.run_id]


def test_what_is_given_narrows_the_list(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    job_id = UUID(int=uuid7().int)
    for hours in range(4):
        for state in RunState:
            due_at = NOON + timedelta(hours=hours)
            add(connection, account_id, state, due_at, job_id if hours % 2 else None)
    everything = walk(account_id, limit=100)
    assert len(everything) == 4 * len(RunState)

    spans = ((None, None), (NOON + timedelta(hours=1), NOON + timedelta(hours=3)))
    state_sets = (
        *(frozenset({state}) for state in RunState),
        *(frozenset({RunState.SUCCEEDED, RunState.DEAD}), LIVE, SETTLED, frozenset(RunState)),
    )
    for states in state_sets:
        for job in (None, job_id):
            for after, before in spans:
                wanted = RunFilter(states=states, job_id=job, after=after, before=before)
                expected = [
                    run
                    for run in everything
                    if run.state in states
                    and (job is None or run.job_id == job)
                    and (after is None or before is None or after <= run.due_at < before)
                ]
                assert walk(account_id, wanted, limit=3) == expected


def test_another_account_s_job_is_an_empty_list(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    job_id = UUID(int=uuid7().int)
    for state in RunState:
        add(connection, account_id, state, NOON, job_id)
    other = add_account(connection, "other")

    wanted = RunFilter(states=frozenset(RunState), job_id=job_id)
    assert len(walk(account_id, wanted)) == len(RunState)
    assert walk(other, wanted) == []


@pytest.mark.parametrize(
    "wanted",
    [
        EVERY,
        RunFilter(states=frozenset({RunState.SUCCEEDED})),
        RunFilter(states=frozenset({RunState.DEAD}), after=NOON),
        RunFilter(states=LIVE, before=NOON + timedelta(days=1)),
        RunFilter(states=frozenset(RunState), job_id=UUID(int=1)),
    ],
)
def test_a_page_is_found_by_walking_indexes_past_nobody_else_s_runs(
    app: Flask, connection: psycopg.Connection, account_id: int, wanted: RunFilter
) -> None:
    other = add_account(connection, "other")
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
        " attempts, settled_at) SELECT gen_random_uuid(), gen_random_uuid(),"
        " CASE n %% 100 WHEN 0 THEN %s ELSE %s END, 1, 'scheduled', %s + n * interval '1 s', 0,"
        " (ARRAY['succeeded', 'failed', 'dead'])[n %% 3 + 1], 1, now()"
        " FROM generate_series(1, 20000) AS n",
        (account_id, other, NOON - timedelta(hours=3)),
    )
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
        " send_at, look_at, attempts, destination, planned_at)"
        " SELECT gen_random_uuid(), gen_random_uuid(),"
        " CASE n %% 100 WHEN 0 THEN %s ELSE %s END, 1, 'scheduled', %s + n * interval '1 s', true,"
        " 'waiting', %s + n * interval '1 s', now() + interval '1 h', n / 100 %% 2,"
        " CASE n / 100 %% 2 WHEN 0 THEN 'http://127.0.0.1:80' END,"
        " CASE n / 100 %% 2 WHEN 0 THEN %s + n * interval '1 s' END"
        " FROM generate_series(1, 20000) AS n",
        (account_id, other, NOON, NOON, NOON),
    )
    connection.execute("VACUUM (ANALYZE) run, inflight")
    queries: list[tuple[str, object]] = []

    @event.listens_for(db.engine, "before_cursor_execute")
    def note(*args: object) -> None:
        queries.append((str(args[2]), args[3]))

    position = Position(due_at=NOON + timedelta(hours=5), id=UUID(int=7))
    with current_context().database.transaction() as on:
        run_list.page(on, account_id, wanted, after=position, limit=LIMIT)
        if RunState.DEAD in wanted.states:
            unsuccessful = replace(wanted, states=frozenset({RunState.DEAD, RunState.FAILED}))
            redelivery.candidates(on, account_id, unsuccessful, after=position, limit=LIMIT)
    asked = [each for each in queries if "FROM attempt" not in each[0]]
    for query, params in asked:
        with current_context().database.transaction() as on:
            explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {query}"
            plan = on.exec_driver_sql(explained, params).scalar_one()  # type: ignore[arg-type] # as it was executed
        read = list(rows_read(plan[0]["Plan"]))
        assert read
        assert "Seq Scan" not in {kind for kind, _ in read}
        assert max(rows for _, rows in read) <= LIMIT
    assert one(connection, "SELECT count(*) FROM run") == 20000


def rows_read(node: dict[str, object]) -> Iterator[tuple[str, float]]:
    """Each scan of runs in a plan, and how many rows it read, those it threw away included."""
    kind = str(node["Node Type"])
    relation = str(node.get("Relation Name"))
    if kind.endswith("Scan") and relation.startswith(("run", "inflight")):
        read = (node["Actual Rows"], node.get("Rows Removed by Filter", 0))
        yield kind, sum(float(str(each)) for each in read)
    plans = node.get("Plans", [])
    assert isinstance(plans, list)
    for inner in plans:
        yield from rows_read(inner)
