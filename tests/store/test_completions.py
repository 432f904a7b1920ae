"""Runs that are completed later: their deadline, their result, and cancellation."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.domain.call_options import CallOptions
from app.domain.retry_policy import RetryPolicy
from app.domain.run import RunState
from app.store.parking import park, unpark
from app.store.rescue import check
from app.store.settling import Settlement, settle
from app.store.takes import Taken, take
from tests.factories import book, claim_and_take, drop_checks, in_seconds, one
from tests.store.test_parking import HERE, back
from tests.store.test_settling import settlement_of

DUE = "UPDATE inflight SET complete_by = clock_timestamp(), look_at = clock_timestamp()"


def later(run: Taken, within: int = 60) -> Settlement:
    """What came of a taken run: the receiver will say."""
    by = in_seconds(within)
    return settlement_of(run, None, 202)._replace(retry_at=None, within=within, complete_by=by)


def check_ended(connection: psycopg.Connection) -> list[Settlement]:
    return check(connection, limit=10, leases_count=True, jitter=lambda: 0.0).ended


def test_a_run_that_is_completed_later_is_nobodys_until_its_deadline(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)

    assert settle(connection, [later(run)]) == {run.id}

    row = connection.execute(
        "SELECT state, attempts, token, lease_until, look_at = complete_by,"
        " complete_by - clock_timestamp() BETWEEN '50 s' AND '60 s' FROM inflight"
    ).fetchone()
    assert row == ("running", 1, run.token + 1, None, True, True)
    assert one(connection, "SELECT status FROM attempt") == 202
    assert one(connection, "SELECT count(*) FROM job") == 1
    # Looked at too early, it is left alone until then.
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    checked = check(connection, limit=10, leases_count=True)
    assert (checked.to_notify, checked.ended) == ([], [])
    assert one(connection, "SELECT look_at = complete_by FROM inflight") is True


def test_a_result_that_came_during_the_call_is_applied_when_the_call_is_settled(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET completion = 'succeeded'")

    settle(connection, [later(run)])

    (ended,) = check_ended(connection)
    assert (ended.id, ended.state) == (run.id, RunState.SUCCEEDED)


def test_a_run_that_was_parked_waits_for_no_destination_once_it_was_called(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    park(connection, [back(run)])
    (again,) = take(connection, unpark(connection, [((account_id, HERE), 1)])[account_id, HERE])

    settle(connection, [later(again)])

    row = connection.execute("SELECT planned_at, destination FROM inflight").fetchone()
    assert row == (None, None)


def test_a_worker_that_lost_the_token_sets_no_deadline(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET token = token + 1")

    assert settle(connection, [later(run)]) == set()

    assert one(connection, "SELECT state FROM inflight") == "taken"
    assert one(connection, "SELECT count(*) FROM attempt") == 0


def test_beyond_the_deadline_it_is_tried_again_as_its_job_says(
    connection: psycopg.Connection, account_id: int
) -> None:
    options = CallOptions(retry=RetryPolicy(max_attempts=2, schedule=(90.0,)))
    book(connection, account_id, due_in=-1, options=options)
    (run,) = claim_and_take(connection)
    settle(connection, [later(run)])
    connection.execute(DUE)

    (expired,) = check_ended(connection)
    assert settle(connection, [expired]) == {run.id}

    row = connection.execute(
        "SELECT state, attempts, complete_by, send_at - clock_timestamp() BETWEEN '80 s' AND"
        " '90 s', reason LIKE 'The run was not completed by 20%' FROM inflight"
    ).fetchone()
    assert row == ("waiting", 1, None, True, True)
    assert one(connection, "SELECT count(*) FROM attempt") == 1

    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    to_notify = check(connection, limit=10, leases_count=True).to_notify
    (again,) = take(connection, [(each.run_id, each.token) for each in to_notify])
    settle(connection, [later(again)])
    connection.execute(DUE)
    (expired,) = check_ended(connection)
    assert expired.state is RunState.FAILED
    settle(connection, [expired])

    row = connection.execute("SELECT state, attempts, reason FROM run").fetchone()
    assert row is not None
    assert row[:2] == ("failed", 2)
    assert row[2].endswith("All 2 attempts are used up.")
    assert one(connection, "SELECT count(*) FROM job") == 0


def test_a_deadline_of_a_run_that_a_newer_release_booked_delays_no_other(
    connection: psycopg.Connection, account_id: int
) -> None:
    options = CallOptions(retry=RetryPolicy(max_attempts=2, schedule=(90.0,)))
    for _ in range(2):
        book(connection, account_id, due_in=-1, options=options)
    newer, other = claim_and_take(connection)
    settle(connection, [later(newer), later(other)])
    drop_checks(connection, "job")
    connection.execute(
        "UPDATE job SET manner = %s WHERE id = %s",
        (Jsonb({"retry": {"linear": {"step": 5}}}), newer.job_id),
    )
    connection.execute(DUE)
    unreadable: list[UUID] = []

    checked = check(
        connection,
        limit=10,
        leases_count=True,
        unreadable=lambda run_id, _: unreadable.append(run_id),
    )

    assert [each.id for each in checked.ended] == [other.id]
    assert unreadable == [newer.id]
    # A scheduler of the newer release may find it, and this one does not find it at once again.
    assert [each.id for each in check_ended(connection)] == [other.id]
    looked = "SELECT look_at - clock_timestamp() BETWEEN '50 s' AND '60 s' FROM inflight"
    assert one(connection, looked + " WHERE id = %s", newer.id) is True


def test_a_state_that_only_a_newer_scheduler_knows_delays_no_other(
    connection: psycopg.Connection, account_id: int
) -> None:
    for _ in range(2):
        book(connection, account_id, due_in=-1)
    newer, other = claim_and_take(connection)
    drop_checks(connection, "inflight")
    connection.execute("UPDATE inflight SET lease_until = now(), look_at = now()")
    connection.execute("UPDATE inflight SET state = 'dormant' WHERE id = %s", (newer.id,))
    unreadable: list[UUID] = []

    checked = check(
        connection,
        limit=10,
        leases_count=True,
        unreadable=lambda run_id, _: unreadable.append(run_id),
    )

    assert [each.run_id for each in checked.to_notify] == [other.id]
    assert unreadable == [newer.id]


def test_the_attempts_of_a_run_sent_again_count_from_there(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET attempts = 8, tried = 8")
    settle(connection, [later(run)])
    connection.execute(DUE)

    (expired,) = check_ended(connection)

    assert expired.state is None
    assert expired.retry_at is not None


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cancelled_run_that_was_to_be_completed_ends_as_cancelled(
    connection: psycopg.Connection, account_id: int, when: str
) -> None:
    cancel = (
        "UPDATE inflight SET cancelled_at = clock_timestamp(), reason = 'deleted',"
        " look_at = CASE WHEN state = 'taken' THEN look_at ELSE clock_timestamp() END"
    )
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    if when == "before":
        connection.execute(cancel)
    settle(connection, [later(run)])
    if when == "after":
        connection.execute(cancel)

    settle(connection, check_ended(connection))

    row = connection.execute("SELECT state, attempts, reason FROM run").fetchone()
    assert row == ("cancelled", 1, "deleted")
    assert one(connection, "SELECT count(*) FROM inflight") == 0


def test_a_state_that_cannot_be_cannot_be_stored(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    settle(connection, [later(run)])

    for change in (
        "complete_by = NULL",
        "state = 'waiting'",
        "attempts = 0",
        "tried = 1",
        "completion = 'done'",
        "completion_message = 'x'",
        "completion = 'failed', completion_message = repeat('x', 1025)",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(f"UPDATE inflight SET {change}")
