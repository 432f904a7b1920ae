"""Callback depth: jobs and runs pass it on to everything that follows from them."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from app.domain.run import RunState
from app.store.settling import settle
from app.store.takes import take
from tests.factories import book, claim_and_take
from tests.store.test_events import LOST, asking, reporting_settlement, take_event
from tests.store.test_serial import book_serial, ended, follow


def deepen(connection: psycopg.Connection, table: str, depth: int) -> None:
    connection.execute(f"UPDATE {table} SET depth = {depth}")


@pytest.mark.parametrize(("job", "run", "found"), [(0, 0, 0), (2, 0, 2), (0, 1, 1), (1, 2, 2)])
def test_a_call_is_as_deep_as_its_job_or_who_asked_for_it(
    connection: psycopg.Connection, account_id: int, job: int, run: int, found: int
) -> None:
    book(connection, account_id, due_in=-1)
    deepen(connection, "job", job)
    (taken,) = claim_and_take(connection)
    assert taken.depth == job
    connection.execute("UPDATE inflight SET state = 'claimed', lease_until = NULL")
    deepen(connection, "inflight", run)
    (taken,) = take(connection, [(taken.id, taken.token)])
    assert taken.depth == found


def test_what_was_superseded_stays_as_deep_as_it_was(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    deepen(connection, "job", 2)
    (taken,) = claim_and_take(connection)
    settle(connection, [ended(taken)._replace(serial=False)])
    (kept,) = connection.execute("SELECT depth FROM superseded").fetchall()
    (settled,) = connection.execute("SELECT depth FROM run").fetchall()
    assert (kept, settled) == ((2,), (0,))


@pytest.mark.parametrize(("job", "run"), [(2, 0), (0, 2), (1, 2)])
def test_an_event_is_as_deep_as_the_run_that_it_reports(
    connection: psycopg.Connection, account_id: int, job: int, run: int
) -> None:
    asking(connection, account_id, on_failure=LOST)
    deepen(connection, "job", job)
    (taken,) = claim_and_take(connection)
    deepen(connection, "inflight", run)
    settle(connection, [reporting_settlement(taken, RunState.FAILED, 500)])
    assert take_event(connection).depth == 2


@pytest.mark.parametrize(("job", "run"), [(2, 0), (0, 2), (1, 2)])
def test_a_follower_is_as_deep_as_the_run_that_starts_it(
    connection: psycopg.Connection, account_id: int, job: int, run: int
) -> None:
    book_serial(connection, account_id, due_in=-1)
    after = book_serial(connection, account_id, due_in=None, name="task:b")
    follow(connection, after, "task:a", RunState.FAILED)
    (taken,) = claim_and_take(connection)
    deepen(connection, "inflight", run)
    connection.execute("UPDATE job SET depth = %s WHERE name = 'task:a'", (job,))
    settle(connection, [ended(taken)])
    assert depth_of_run(connection, after) == 2


def depth_of_run(connection: psycopg.Connection, job_id: UUID) -> int:
    row = connection.execute(
        "SELECT depth FROM inflight WHERE job_id = %s AND kind = 'chained'", (job_id,)
    ).fetchone()
    assert row is not None
    return int(row[0])
