"""Rescue: notified again, reclaimed, dead, or left alone while leases do not count."""

from __future__ import annotations

from datetime import timedelta

import psycopg

from app.domain.run import RunState
from app.domain.timings.claiming import RENOTIFY_AFTER
from app.domain.timings.leases import DEAD_AFTER, LEASE
from app.store.rescue import CheckResult, check, defer
from app.store.settling import settle
from app.store.suspension import release
from app.store.takes import take
from tests.factories import book, claim_all, claim_and_take, one


def check_all(connection: psycopg.Connection, *, leases_count: bool = True) -> CheckResult:
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    return check(connection, limit=100, leases_count=leases_count)


def let_leases_run_out(connection: psycopg.Connection) -> None:
    connection.execute(
        "UPDATE inflight SET lease_until = clock_timestamp() - interval '1 s' WHERE state = 'taken'"
    )


def test_a_run_that_no_worker_took_is_notified_again_with_the_same_token(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (claimed,) = claim_all(connection)

    checked = check_all(connection)

    assert [(each.run_id, each.token) for each in checked.to_notify] == [
        (claimed.run_id, claimed.token)
    ]
    assert check(connection, limit=100, leases_count=True).to_notify == []
    query = "SELECT look_at - clock_timestamp() <= %s FROM inflight"
    assert one(connection, query, RENOTIFY_AFTER) is True
    # Counted from now, not from when the run was due; and it was nobody's death.
    query = "SELECT look_at - send_at > %s AND reclaims = 0 FROM inflight"
    assert one(connection, query, RENOTIFY_AFTER) is True


def test_a_run_notified_again_ahead_of_its_time_is_checked_after_that(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=30)
    claim_all(connection, ahead=60)

    assert len(check_all(connection).to_notify) == 1

    assert one(connection, "SELECT look_at - send_at FROM inflight") == RENOTIFY_AFTER


def test_a_run_of_a_suspended_account_is_checked_when_that_is_resumed(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (claimed,) = claim_all(connection)
    connection.execute("UPDATE account SET suspended_at = clock_timestamp()")
    assert check_all(connection).to_notify == []
    assert one(connection, "SELECT look_at = 'infinity' FROM inflight") is True

    connection.execute("UPDATE account SET suspended_at = NULL")
    assert sum(release(connection, account_id)) == 1

    (again,) = check(connection, limit=100, leases_count=True).to_notify
    assert (again.run_id, again.token) == (claimed.run_id, claimed.token)


def test_a_leased_run_is_left_alone(connection: psycopg.Connection, account_id: int) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)

    assert check_all(connection).to_notify == []
    assert one(connection, "SELECT token FROM inflight") == run.token


def test_a_run_whose_worker_died_is_taken_again_soon_after_its_lease(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    check_all(connection)

    query = "SELECT lease_until - clock_timestamp() <= %s FROM inflight"
    assert one(connection, query, LEASE) is True
    assert one(connection, "SELECT look_at - lease_until < '1 s' FROM inflight") is True
    # As when so much time has passed that the run is checked.
    connection.execute(
        "UPDATE inflight SET lease_until = lease_until - (look_at - now()), look_at = now()"
    )
    (again,) = check(connection, limit=100, leases_count=True).to_notify
    (taken,) = take(connection, [(again.run_id, again.token)])
    assert (taken.id, taken.token) == (run.id, run.token + 2)


def test_a_reclaim_raises_the_token_and_is_counted(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    let_leases_run_out(connection)

    checked = check_all(connection)

    assert checked.reclaimed == 1
    (again,) = checked.to_notify
    assert (again.token, again.reclaims) == (run.token + 1, 1)


def test_an_expired_lease_says_nothing_while_leases_do_not_count(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    let_leases_run_out(connection)

    assert check_all(connection, leases_count=False).to_notify == []
    assert one(connection, "SELECT token FROM inflight") == run.token
    # It is checked again soon, but not at once.
    assert one(connection, "SELECT look_at - lease_until > '1 s' FROM inflight") is True
    assert one(connection, "SELECT look_at - clock_timestamp() < '1 s' FROM inflight") is True


def test_no_lease_runs_out_after_what_the_clock_is_believed(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    claim_and_take(connection)
    let_leases_run_out(connection)
    lease_until = one(connection, "SELECT lease_until FROM inflight")
    until = lease_until - timedelta(seconds=1)
    for before, is_checked in ((0, False), (2, True)):
        look_at = lease_until - timedelta(seconds=before)
        connection.execute("UPDATE inflight SET look_at = %s", (look_at,))

        assert check(connection, limit=100, leases_count=True, until=until).reclaimed == 0

        assert (one(connection, "SELECT look_at FROM inflight") != look_at) is is_checked


def test_a_run_reclaimed_too_often_is_dead_and_visible(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-1)
    claim_and_take(connection)
    for _ in range(DEAD_AFTER):
        let_leases_run_out(connection)
        to_notify = check_all(connection).to_notify
        assert len(take(connection, [(each.run_id, each.token) for each in to_notify])) == 1
    let_leases_run_out(connection)

    checked = check_all(connection)
    settle(connection, checked.ended)

    assert checked.to_notify == []
    row = connection.execute("SELECT job_id, state, reason FROM run").fetchone()
    assert row is not None
    assert row[:2] == (job_id, RunState.DEAD)
    assert "every worker that took it ended" in row[2]


def test_a_cancelled_run_that_nobody_holds_enters_history(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    claim_all(connection)
    connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp(), reason = 'deleted'")

    settle(connection, check_all(connection).ended)

    assert connection.execute("SELECT state, reason FROM run").fetchone() == (
        "cancelled",
        "deleted",
    )


def test_what_cannot_be_acted_upon_is_put_off(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (claimed,) = claim_all(connection)
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")

    defer(connection, [claimed.run_id])

    assert check(connection, limit=100, leases_count=True).to_notify == []
