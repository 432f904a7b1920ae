"""Parking: under the run's token, without an attempt; unparked in order, once each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from app.domain.circuit_breaker import BlockReason
from app.domain.timings.claiming import RENOTIFY_AFTER
from app.store.parking import Parking, park, unpark
from app.store.rescue import check
from app.store.settling import settle
from app.store.takes import Taken, take
from tests.factories import book, claim_and_take, one
from tests.store.test_settling import settlement_of

HERE = "http://127.0.0.1:2"


def back(run: Taken, *, park_for: float = 60.0, token: int | None = None) -> Parking:
    return Parking(
        run.id, token or run.token, HERE, park_for, BlockReason.FULL, "waiting: it is full"
    )


def states(connection: psycopg.Connection) -> list[Any]:
    return connection.execute("SELECT state, attempts FROM inflight ORDER BY due_at").fetchall()


def test_a_run_parked_is_held_by_nobody_and_counts_no_attempt(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)

    assert park(connection, [back(run)]) == ({run.id}, set())

    assert states(connection) == [("waiting", 0)]
    row = connection.execute(
        "SELECT token, lease_until, planned_at, reason,"
        " send_at - clock_timestamp() BETWEEN '58 s' AND '60 s',"
        " send_at - look_at BETWEEN '0.299 s' AND '0.301 s' FROM inflight"
    ).fetchone()
    assert row == (run.token + 1, None, run.due_at, "waiting: it is full", True, True)
    assert check(connection, limit=10, leases_count=True).to_notify == []


def test_a_worker_that_lost_the_token_parks_nothing(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)

    assert park(connection, [back(run, token=run.token - 1)]) == (set(), set())
    assert park(connection, [back(run)]) == ({run.id}, set())
    assert park(connection, [back(run, token=run.token + 1)]) == (set(), set())


def test_it_comes_back_by_itself_and_remembers_when_it_was_planned(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    park(connection, [back(run, park_for=0.0)])

    (to_notify,) = check(connection, limit=10, leases_count=True).to_notify
    (again,) = take(connection, [(to_notify.run_id, to_notify.token)])

    assert again.planned_at == run.due_at
    assert again.send_at > run.due_at
    park(connection, [back(again)])
    assert one(connection, "SELECT planned_at FROM inflight") == run.due_at


def test_runs_are_sent_for_in_the_order_of_their_due_times(
    connection: psycopg.Connection, account_id: int
) -> None:
    for late in (3, 1, 2):
        book(connection, account_id, due_in=-late)
    runs = sorted(claim_and_take(connection), key=lambda run: run.due_at)
    park(connection, [back(run) for run in runs])

    called = unpark(connection, [((account_id, HERE), 2), ((account_id, "http://else:80"), 5)])

    tickets = [(run.id, run.token + 1) for run in runs[:2]]
    assert sorted(called[account_id, HERE]) == sorted(tickets)
    assert called.keys() == {(account_id, HERE)}
    assert states(connection) == [("claimed", 0), ("claimed", 0), ("waiting", 0)]
    query = "SELECT max(look_at) - clock_timestamp() <= %s FROM inflight WHERE state = 'claimed'"
    assert one(connection, query, RENOTIFY_AFTER) is True
    taken = take(connection, called[account_id, HERE])
    assert {run.id for run in taken} == {run.id for run in runs[:2]}
    assert all(run.remaining <= 0 for run in taken)
    assert len(unpark(connection, [((account_id, HERE), 9)])[account_id, HERE]) == 1
    assert unpark(connection, [((account_id, HERE), 9)]) == {}


def test_two_who_send_for_the_same_runs_get_each_once(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    park(connection, [back(run)])

    with connection.transaction():
        assert unpark(connection, [((account_id, HERE), 1)])
        assert unpark(other, [((account_id, HERE), 1)]) == {}
    assert unpark(other, [((account_id, HERE), 1)]) == {}


@pytest.mark.parametrize("column", ["cancelled_at = clock_timestamp()", "reclaims = 2"])
def test_neither_the_cancelled_nor_suspects_are_sent_for(
    connection: psycopg.Connection, account_id: int, column: str
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    park(connection, [back(run)])
    connection.execute(f"UPDATE inflight SET {column}")

    assert unpark(connection, [((account_id, HERE), 1)]) == {}


def test_runs_of_a_suspended_account_are_not_sent_for(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    park(connection, [back(run)])
    connection.execute("UPDATE account SET suspended_at = clock_timestamp()")

    assert unpark(connection, [((account_id, HERE), 1)]) == {}


def test_what_was_cancelled_meanwhile_is_looked_at_at_once(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp(), reason = 'deleted'")

    park(connection, [back(run)])
    settle(connection, check(connection, limit=10, leases_count=True).ended)

    history = connection.execute("SELECT state, attempts, reason FROM run").fetchall()
    assert history == [("cancelled", 0, "deleted")]


def test_an_attempt_ends_the_leave_and_a_success_leaves_no_reason(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    park(connection, [back(run)])
    (again,) = take(connection, unpark(connection, [((account_id, HERE), 1)])[account_id, HERE])

    failed = settlement_of(again, None, 500)
    settle(connection, [failed])

    row = connection.execute("SELECT planned_at, destination, send_at FROM inflight").fetchone()
    assert row == (None, None, failed.retry_at)
    assert unpark(connection, [((account_id, HERE), 1)]) == {}
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    (to_notify,) = check(connection, limit=10, leases_count=True).to_notify
    (last,) = take(connection, [(to_notify.run_id, to_notify.token)])
    settle(connection, [settlement_of(last)])
    assert connection.execute("SELECT state, reason FROM run").fetchall() == [("succeeded", None)]


@pytest.mark.parametrize(
    "change",
    [
        "state = 'waiting', lease_until = NULL",
        "destination = 'http://127.0.0.1:2'",
        "planned_at = due_at",
        "destination = 'http://127.0.0.1:2', planned_at = due_at - interval '1 s'",
    ],
)
def test_what_cannot_be_cannot_be_stored(
    connection: psycopg.Connection, account_id: int, change: str
) -> None:
    book(connection, account_id, due_in=-1)
    claim_and_take(connection)

    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(f"UPDATE inflight SET {change}")


def test_a_leave_is_no_shorter_than_the_time_to_send(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=0.2)
    (run,) = claim_and_take(connection)

    park(connection, [back(run, park_for=0.0)])

    assert one(connection, "SELECT send_at >= due_at AND planned_at = due_at FROM inflight") is True
    assert run.send_at - run.due_at == timedelta()


@pytest.mark.parametrize(("called", "reclaims"), [(True, 0), (False, 2)])
def test_a_suspect_whose_call_reached_nobody_is_none_any_more(
    connection: psycopg.Connection, account_id: int, *, called: bool, reclaims: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET reclaims = 2")

    park(connection, [back(run)._replace(called=called)])

    assert one(connection, "SELECT reclaims FROM inflight") == reclaims
    assert len(unpark(connection, [((account_id, HERE), 1)])) == int(called)
