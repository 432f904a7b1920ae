"""The harness books what is measured, and checks the result before a figure counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import psycopg
import pytest

from app.domain.trigger import from_document
from app.store import tables
from bench import bookings
from bench.bookings import Batch
from bench.children import Failed
from bench.harness import BenchHarness
from bench.phases.crons import expressions
from bench.plan import QUICK
from bench.receiver import ADDRESSES
from tests.factories import add_account, connect, in_thread, one, wait_until_blocked

FIRST = datetime(2030, 1, 1, tzinfo=UTC)
COUNT = 40


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def accounts(connection: psycopg.Connection) -> list[int]:
    return [add_account(connection, name) for name in ("one", "two")]


def batch(accounts: list[int], **how: Any) -> Batch:
    return Batch(**{"accounts": accounts, "count": COUNT, "first": FIRST, "port": 8080, **how})


def settle(connection: psycopg.Connection, *, late: float = 0.5) -> None:
    """Write history as if every job had fired, the last of them so many seconds late."""
    connection.execute(
        """
        INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state, attempts,
                         settled_at)
        SELECT gen_random_uuid(), job_id, account_id, 1, 'scheduled', next_at, 0, 'succeeded', 1,
               next_at + make_interval(secs => %s)
        FROM due
        """,
        [late],
    )
    connection.execute(
        """
        INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, total_ms)
        SELECT id, due_at, 1, due_at, 0, 204, 1 FROM run
        """
    )


def checked(connection: psycopg.Connection, booked: Batch) -> float:
    nothing = cast("Any", None)
    harness = BenchHarness(
        plan=QUICK, instance=nothing, receiver=nothing, account=nothing, connection=connection
    )
    return harness._checked(booked, booked.count)


def test_jobs_are_booked_as_the_product_books_them(
    connection: psycopg.Connection, accounts: list[int]
) -> None:
    bookings.book(connection, batch(accounts, every=10, other_port=9090))

    rows = connection.execute(
        "SELECT j.url, octet_length(j.data), j.data, j.trigger, d.next_at, j.account_id"
        " FROM job j JOIN due d ON d.job_id = j.id AND d.account_id = j.account_id"
    ).fetchall()
    assert len(rows) == COUNT
    assert sum(":9090/" in row[0] for row in rows) == COUNT / 10
    assert len({row[0].split("/")[2].partition(":")[0] for row in rows} & {*ADDRESSES}) == COUNT
    assert {row[1] for row in rows} == {bookings.BODY_BYTES}
    assert all(row[2].startswith(b'{"order": ') and row[2].endswith(b'"}') for row in rows)
    assert {row[4] for row in rows} == {FIRST}
    assert from_document(rows[0][3]) == from_document({"kind": "at", "at": "2030-01-01T00:00:00Z"})
    assert {row[5] for row in rows} == {*accounts}


def test_an_even_rate_has_one_job_in_every_step(
    connection: psycopg.Connection, accounts: list[int]
) -> None:
    step = timedelta(milliseconds=10)
    bookings.book(connection, batch(accounts, step=step))

    due = connection.execute("SELECT next_at FROM due ORDER BY next_at").fetchall()
    assert [(at - FIRST) // step for (at,) in due] == list(range(COUNT))


def test_recurring_jobs_have_an_expression_each(
    connection: psycopg.Connection, accounts: list[int]
) -> None:
    bookings.book(connection, batch(accounts[:1], expressions=expressions(FIRST, COUNT)))

    query = "SELECT count(DISTINCT trigger ->> 'expression') FROM job JOIN due ON recurring"
    assert one(connection, query) == COUNT


def test_jobs_that_all_fired_once_are_timed_to_the_last(
    connection: psycopg.Connection, accounts: list[int]
) -> None:
    booked = batch(accounts)
    bookings.book(connection, booked)
    settle(connection, late=0.5)

    assert checked(connection, booked) == 0.5


A_RUN = "id = (SELECT id FROM run ORDER BY id LIMIT 1)"
A_JOB = "(SELECT job_id FROM run ORDER BY id DESC LIMIT 1)"


@pytest.mark.parametrize(
    "harm",
    [
        f"DELETE FROM run WHERE {A_RUN}",
        f"UPDATE run SET attempts = 2 WHERE {A_RUN}",
        f"UPDATE run SET state = 'failed' WHERE {A_RUN}",
        f"UPDATE run SET job_id = {A_JOB}, job_version = 2 WHERE {A_RUN}",
        f"UPDATE attempt SET started_at = due_at - interval '1 us' WHERE run_{A_RUN}",
    ],
    ids=["lost", "sent twice", "failed", "one fired twice", "early"],
)
def test_no_figure_comes_of_jobs_that_did_not_fire_just_once(
    connection: psycopg.Connection, accounts: list[int], harm: str
) -> None:
    booked = batch(accounts)
    bookings.book(connection, booked)
    settle(connection)
    assert connection.execute(harm).rowcount == 1

    with pytest.raises(Failed):
        checked(connection, booked)


def test_a_purge_outlives_a_circle_with_what_is_still_called(
    connection: psycopg.Connection, accounts: list[int], database: str
) -> None:
    bookings.book(connection, batch(accounts))
    with connect(database) as other, ExitStack() as ending:
        with other.transaction():
            other.execute("LOCK inflight IN ROW EXCLUSIVE MODE")
            purged = ending.enter_context(in_thread(lambda: bookings.purge(connection)))
            wait_until_blocked(other)
            # The purge has waited for longer, so that it is the one that PostgreSQL ends.
            other.execute("LOCK due IN ROW EXCLUSIVE MODE")
        purged()
        assert one(other, "SELECT count(*) FROM job") == 0


def test_nothing_is_left_after_a_purge(connection: psycopg.Connection, accounts: list[int]) -> None:
    bookings.book(connection, batch(accounts))
    settle(connection)

    bookings.purge(connection)

    purged = tables.job.metadata.tables.keys() - bookings.KEPT
    assert purged > {"job", "due", "inflight", "run", "attempt"}
    assert {one(connection, f"SELECT count(*) FROM {table}") for table in purged} == {0}
    assert one(connection, "SELECT count(*) FROM account") == len(accounts)
