"""Searched runs: pages by kind, lateness, last status and host, in both directions, bounded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Connection, event

from app.domain.run import LIVE, Position, RunKind, RunState
from app.domain.run_filter import RunFilter, StatusClass
from app.store import redelivery, run_list
from app.store.partitions import make_ahead
from app.store.run_filter import MAX_EXAMINED
from tests.factories import add_account, open_engine
from tests.store.plans import rows_read

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
SECONDS_5 = timedelta(seconds=5)
EVERY = frozenset(RunState)
SEARCHES = {
    "kind": RunFilter(states=EVERY, kinds=frozenset({RunKind.MANUAL})),
    "lateness": RunFilter(states=EVERY, min_lateness_ms=100),
    "status": RunFilter(states=EVERY, last_status=frozenset({StatusClass.SERVER_ERROR})),
    "error": RunFilter(states=EVERY, last_status=frozenset({StatusClass.ERROR})),
    "host": RunFilter(states=EVERY, host="slow.example.com"),
}

ADD = """
WITH made AS (
  INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts,
                   settled_at)
  SELECT gen_random_uuid(), gen_random_uuid(), %(account_id)s, 1,
         CASE WHEN n %% %(rare)s = 0 THEN 'manual' ELSE 'scheduled' END,
         %(noon)s + n * interval '1 s', 0, (ARRAY['succeeded', 'failed', 'dead'])[n %% 3 + 1], 2,
         now()
  FROM generate_series(1, %(number)s) n
  RETURNING id, job_id, due_at, kind = 'manual' AS rare, kind),
attempts AS (
  INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, error, total_ms)
  SELECT id, due_at, number, due_at, CASE WHEN rare AND number = 1 THEN 250 ELSE 1 END,
         CASE WHEN number = 1 THEN NULL WHEN rare THEN 503 ELSE 204 END,
         CASE WHEN number = 1 THEN 'timeout' END, 2
  FROM made, generate_series(1, 2) number)
INSERT INTO superseded (job_id, version, url)
SELECT job_id, 1, CASE WHEN rare THEN 'https://Slow.example.com:8443/wake?x=1'
                       ELSE 'https://example.com/slow.example.com' END
FROM made
"""


@pytest.fixture
def web(database: str) -> Iterator[Connection]:
    """A connection as the web has them."""
    engine = open_engine(database)
    with engine.connect() as opened:
        yield opened


def fill(connection: psycopg.Connection, account_id: int, number: int, rare: int) -> None:
    values = {"account_id": account_id, "number": number, "rare": rare, "noon": NOON}
    connection.execute(ADD, values)


def add_waiting(connection: psycopg.Connection, account_id: int) -> None:
    """A late manual run under way, whose job exists and whose last attempt got a 500."""
    connection.execute(
        "INSERT INTO job (id, account_id, version, url, trigger, enabled)"
        " VALUES (%s, %s, 1, 'http://slow.example.com', '{}', true)",
        (UUID(int=5), account_id),
    )
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
        " send_at, look_at, attempts) VALUES (%s, %s, %s, 1, 'manual', %s, false, 'waiting', %s,"
        " now() + interval '2 hours', 1)",
        (UUID(int=7), UUID(int=5), account_id, NOON, NOON),
    )
    connection.execute(
        "INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, total_ms)"
        " VALUES (%s, %s, 1, now(), 100, 500, 1)",
        (UUID(int=7), NOON),
    )


def walk(web: Connection, account_id: int, wanted: RunFilter, limit: int = 3) -> list[UUID]:
    """All pages after one another, also those that only lead on."""
    found: list[UUID] = []
    after: Position | None = None
    while True:
        page = run_list.page(web, account_id, wanted, after=after, limit=limit)
        found += [row.id for row in page.rows]
        last = Position(page.rows[-1].due_at, page.rows[-1].id) if page.rows else None
        after = last if len(page.rows) == limit else page.resume_at
        if after is None:
            return found


@pytest.mark.parametrize("name", SEARCHES)
def test_runs_are_selected_among_those_under_way_and_those_that_are_over(
    connection: psycopg.Connection, web: Connection, account_id: int, name: str
) -> None:
    fill(connection, account_id, 30, rare=10)
    add_waiting(connection, account_id)
    fill(connection, add_account(connection, "other"), 30, rare=10)

    found = walk(web, account_id, SEARCHES[name])

    if name == "error":
        assert found == []
    else:
        assert len(found) == 4
        assert found[-1] == UUID(int=7)
    both = RunFilter(states=LIVE, host="slow.example.com", min_lateness_ms=100.5)
    assert walk(web, account_id, both) == []


def test_pages_lead_back_as_they_lead_on(
    connection: psycopg.Connection, web: Connection, account_id: int
) -> None:
    fill(connection, account_id, 20, rare=2)
    wanted = SEARCHES["kind"]
    every = walk(web, account_id, wanted)
    place = run_list.page(web, account_id, wanted, after=None, limit=7).rows[-1]

    back = run_list.page(
        web, account_id, wanted, after=Position(place.due_at, place.id), limit=4, towards_newer=True
    )

    assert len(every) == 10
    assert [row.id for row in back.rows] == every[2:6]
    assert back.resume_at is None


def test_runs_of_some_states_of_a_busy_job_are_searched_too(
    connection: psycopg.Connection, web: Connection, account_id: int
) -> None:
    fill(connection, account_id, MAX_EXAMINED + 20, rare=10)
    connection.execute("UPDATE run SET job_id = %s, kind = 'manual'", [UUID(int=5)])
    connection.execute("UPDATE run SET state = 'cancelled' WHERE due_at < %s", [NOON + SECONDS_5])
    wanted = RunFilter(states=frozenset({RunState.CANCELLED}), job_id=UUID(int=5))

    first = run_list.page(web, account_id, wanted, after=None, limit=51)

    assert first.rows == []
    assert first.resume_at is not None
    assert len(walk(web, account_id, wanted)) == 4


def test_runs_are_read_near_the_beginning_of_the_page_and_further_away_if_these_are_few(
    connection: psycopg.Connection, web: Connection, account_id: int
) -> None:
    fill(connection, account_id, 12, rare=2)
    for number in range(3, 12):
        connection.execute(
            "UPDATE run SET due_at = due_at - %s WHERE due_at = %s",
            [timedelta(days=number * 3), NOON + timedelta(seconds=number)],
        )
    made: list[str] = []
    event.listen(web.engine, "before_cursor_execute", lambda *given: made.append(given[2]))
    every = RunFilter(states=EVERY)

    everything = run_list.page(web, account_id, every, after=None, limit=51).rows
    dues = [row.due_at for row in everything]
    assert len(dues) == 12
    assert dues == sorted(dues, reverse=True)
    assert walk(web, account_id, every) == [row.id for row in everything]
    assert [row.id for row in everything[2:5]] == [
        row.id
        for row in run_list.page(
            web,
            account_id,
            every,
            after=Position(everything[5].due_at, everything[5].id),
            limit=3,
            towards_newer=True,
        ).rows
    ]
    made.clear()
    assert len(run_list.page(web, account_id, every, after=None, limit=3).rows) == 3
    assert len(made) == 1


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("towards_newer", [False, True])
@pytest.mark.parametrize("year", [1, 9999])
def test_a_page_may_begin_at_either_end_of_the_calendar(
    connection: psycopg.Connection,
    web: Connection,
    account_id: int,
    name: str,
    *,
    towards_newer: bool,
    year: int,
) -> None:
    fill(connection, account_id, 4, rare=1)
    after = Position(datetime(year, 1, 1, tzinfo=UTC), UUID(int=7))
    if year > 1:
        after = Position(datetime(year, 12, 31, tzinfo=UTC), UUID(int=7))
    found = run_list.page(
        web, account_id, SEARCHES[name], after=after, limit=2, towards_newer=towards_newer
    )
    if name != "error":
        assert bool(found.rows) is (towards_newer is (year == 1))


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("towards_newer", [False, True])
def test_a_search_reads_no_more_than_it_may(
    connection: psycopg.Connection,
    web: Connection,
    account_id: int,
    name: str,
    *,
    towards_newer: bool,
) -> None:
    make_ahead(connection, NOON.date())
    fill(connection, account_id, 20_000, rare=100_000)
    fill(connection, add_account(connection, "other"), 20_000, rare=100_000)
    connection.execute("VACUUM (ANALYZE) run, attempt, superseded, job, inflight")
    made: list[tuple[str, Any]] = []
    event.listen(web.engine, "before_cursor_execute", lambda *given: made.append(given[2:4]))

    after = Position(NOON + timedelta(seconds=10_000), UUID(int=7))
    wanted = SEARCHES[name]
    found = run_list.page(
        web, account_id, wanted, after=after, limit=51, towards_newer=towards_newer
    )
    redelivery.candidates(web, account_id, wanted, after=after, limit=MAX_EXAMINED)
    statements = list(made)

    assert found.rows == []
    assert found.resume_at is not None
    assert abs(found.resume_at.due_at - after.due_at) <= timedelta(seconds=MAX_EXAMINED)
    assert len(statements) == 3
    for statement, params in statements:
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
        (plan,) = web.exec_driver_sql(explained, params).scalar_one()
        tables = {each["Relation Name"] for each in nodes(plan["Plan"])}
        assert all(each["Node Type"] != "Seq Scan" for each in nodes(plan["Plan"]))
        for table in tables:
            assert max(rows_read(plan["Plan"], table)) <= MAX_EXAMINED + 1, table


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The scans of a plan that were made at all."""
    if "Relation Name" in node and node["Actual Loops"]:
        yield node
    for inner in node.get("Plans", []):
        yield from nodes(inner)
