"""Resumed accounts: what was due before the resumption says nothing of how late the service is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import psycopg
import pytest

from app.domain.circuit_breaker import BlockReason
from app.store import suspension
from app.store.parking import Parking, park
from app.store.rescue import check
from app.store.settling import settle
from app.store.takes import Taken, take
from tests.factories import book, claim_all, claim_and_take, one
from tests.store.test_overdue import begin
from tests.store.test_settling import settlement_of

QUARTERLY: Final = "0 0/15 * * * ?"


def resume(connection: psycopg.Connection, account_id: int) -> None:
    """End the suspension, and free what waited for it."""
    suspension.resume(connection, account_id)
    for _ in suspension.release(connection, account_id):
        pass


def check_and_take(connection: psycopg.Connection) -> list[Taken]:
    """What workers are notified of now, taken."""
    found = check(connection, limit=10, leases_count=True).to_notify
    return take(connection, [(each.run_id, each.token) for each in found])


def resumed_late(connection: psycopg.Connection, account_id: int) -> None:
    """Let the account have been resumed an hour ago."""
    connection.execute(
        "UPDATE account SET resumed_at = clock_timestamp() - interval '1 hour' WHERE id = %s",
        (account_id,),
    )


@pytest.mark.parametrize("take_due", [claim_and_take, begin])
def test_a_firing_that_waited_for_the_account_does_not_count(
    connection: psycopg.Connection,
    account_id: int,
    take_due: Callable[[psycopg.Connection], list[Taken]],
) -> None:
    job_id = book(connection, account_id, due_in=-1)
    due_at: datetime = one(connection, "SELECT next_at FROM due WHERE job_id = %s", job_id)
    suspension.suspend(connection, account_id)
    assert claim_all(connection) == []
    resume(connection, account_id)

    (run,) = take_due(connection)

    assert run.precedes_version
    # The call itself tells how long after its due instant it began.
    assert (run.due_at, run.send_at, run.planned_at) == (due_at, due_at, None)


def test_a_firing_of_a_recurring_job_does_not_count_but_the_next_one_does(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1, cron=QUARTERLY)
    suspension.suspend(connection, account_id)
    claim_all(connection)
    resume(connection, account_id)
    (missed,) = claim_and_take(connection)
    settle(connection, [settlement_of(missed)])
    connection.execute("UPDATE due SET next_at = clock_timestamp()")

    (following,) = claim_and_take(connection)

    assert (missed.precedes_version, following.precedes_version) == (True, False)


def test_a_run_that_was_not_taken_before_does_not_count(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    claim_all(connection)
    suspension.suspend(connection, account_id)
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    assert check_and_take(connection) == []
    resume(connection, account_id)

    (run,) = check_and_take(connection)

    assert run.precedes_version


def test_a_run_that_was_given_back_does_not_count(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (held,) = claim_and_take(connection)
    suspension.suspend(connection, account_id)
    parking = Parking(held.id, held.token, "suspended", 0.0, BlockReason.SUSPENDED, "suspended")
    park(connection, [parking])
    assert check_and_take(connection) == []
    resume(connection, account_id)

    (run,) = check_and_take(connection)

    assert run.precedes_version


@pytest.mark.parametrize("take_due", [claim_and_take, begin])
def test_what_was_due_after_the_resumption_counts(
    connection: psycopg.Connection,
    account_id: int,
    take_due: Callable[[psycopg.Connection], list[Taken]],
) -> None:
    resumed_late(connection, account_id)
    book(connection, account_id, due_in=-1)

    (run,) = take_due(connection)

    assert not run.precedes_version
