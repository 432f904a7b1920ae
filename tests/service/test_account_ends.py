"""Accounts suspended and resumed: at once, and with nothing lost."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from app.domain.account import CachedCaller, Caller
from app.domain.job import Booking
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.one_time import At
from app.domain.run import RunState
from app.errors import AccountSuspended, NotFound
from app.service import account_lifecycle, accounts, jobs, manual_calls, pauses
from app.service.context import Context
from app.store import suspension
from app.store.orphans import rearm_orphans
from app.store.rescue import check
from app.store.settling import settle
from app.store.takes import poll_cancellations, take, untaken
from tests.factories import add_account, book, claim_all, claim_and_take, one
from tests.store.test_settling import settlement_of

CRON = "0 0/10 * * * ?"
STATES = "SELECT state, look_at = 'infinity' FROM inflight ORDER BY due_at"


def quiet(_done: Counter[str]) -> None:
    """Shows no progress."""


def looked(connection: psycopg.Connection) -> int:
    """How many runs were rung for, of all there are: the time to look at them is now."""
    connection.execute("UPDATE inflight SET look_at = clock_timestamp() WHERE look_at < 'infinity'")
    return len(check(connection, limit=100, leases_count=True).to_notify)


def booking() -> Booking:
    return Booking(url="https://example.com/", trigger=At(instant=datetime(2099, 1, 1, tzinfo=UTC)))


# Suspended.


def test_a_due_job_of_a_suspended_account_is_set_aside_once_and_costs_no_later_claim(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    mine = [
        book(connection, caller.account.id, due_in=-1, cron=cron) for cron in (None, CRON, CRON)
    ]
    other = book(connection, add_account(connection, "other"), due_in=-1)
    account_lifecycle.suspend(context, "demo")

    claimed = claim_all(connection)

    assert len(claimed) == 1
    assert one(connection, "SELECT job_id FROM inflight") == other
    waiting = connection.execute(
        "SELECT job_id FROM due WHERE held_at < now() AND next_at IS NULL AND slot IS NULL"
    )
    assert {row[0] for row in waiting} == set(mine)
    assert claim_all(connection) == []


def test_no_run_is_taken_notified_or_checked_again(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    book(connection, caller.account.id, due_in=-1)
    claimed = claim_all(connection)
    tickets = [(each.run_id, each.token) for each in claimed]
    account_lifecycle.suspend(context, "demo")

    assert take(connection, tickets) == []
    assert untaken(connection, late=0.0, limit=10) == []
    assert looked(connection) == 0
    assert connection.execute(STATES).fetchall() == [("claimed", True)]
    assert looked(connection) == 0
    assert take(connection, tickets) == []
    assert poll_cancellations(connection).suspended == {caller.account.id}


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, None])
def test_a_call_under_way_is_settled_and_no_retry_is_made(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    state: RunState | None,
) -> None:
    book(connection, caller.account.id, due_in=-1)
    (run,) = claim_and_take(connection)
    account_lifecycle.suspend(context, "demo")

    assert settle(connection, [settlement_of(run, state, 204 if state else 500)]) == {run.id}

    assert looked(connection) == 0
    left = connection.execute(STATES).fetchall()
    assert left == ([] if state else [("claimed", True)])


def test_a_run_whose_worker_ended_waits_as_well(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    book(connection, caller.account.id, due_in=-1)
    claim_and_take(connection)
    account_lifecycle.suspend(context, "demo")
    connection.execute("UPDATE inflight SET lease_until = now() - interval '1 s'")

    assert looked(connection) == 0
    assert connection.execute(STATES).fetchall() == [("claimed", True)]


def test_the_repair_leaves_alone_what_waits(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    book(connection, caller.account.id, due_in=-1, cron=CRON)
    connection.execute("UPDATE job SET updated_at = updated_at - interval '1 minute'")
    account_lifecycle.suspend(context, "demo")
    claim_all(connection)

    assert rearm_orphans(connection, limit=10, unreadable=lambda *_: pytest.fail("unreadable")) == (
        0,
        0,
    )


def test_a_key_that_is_cached_books_nothing_from_that_moment_on(
    context: Context, connection: psycopg.Connection
) -> None:
    key = accounts.create(context, "demo")
    accounts.authenticate(context, key, account=None)
    cached = accounts.authenticate_cached(context, key, account=None)
    assert isinstance(cached, CachedCaller)
    jobs.create(context, cached, booking())

    account_lifecycle.suspend(context, "demo")

    with pytest.raises(AccountSuspended):
        jobs.create(context, cached, booking())
    assert jobs.create(context, cached, booking(), dry_run=True).id
    assert one(connection, "SELECT count(*) FROM job") == 1
    account_lifecycle.resume(context, "demo", quiet)
    jobs.create(context, cached, booking())


def test_what_a_request_stores_that_was_let_through_before_waits_as_well(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    account_lifecycle.suspend(context, "demo")

    made = jobs.create(context, caller, booking())
    manual_calls.call_now(context, caller, made.id)

    assert looked(connection) == 0
    assert untaken(connection, late=0.0, limit=10) == []
    assert connection.execute(STATES).fetchall() == [("claimed", True)]


# Resumed.


def test_a_run_goes_on_where_it_was(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    book(connection, caller.account.id, due_in=-1)
    (run,) = claim_and_take(connection)
    account_lifecycle.suspend(context, "demo")
    settle(connection, [settlement_of(run, None, 500)])
    looked(connection)

    account_lifecycle.resume(context, "demo", quiet)

    (to_notify,) = check(connection, limit=10, leases_count=True).to_notify
    (again,) = take(connection, [(to_notify.run_id, to_notify.token)])
    assert (again.id, again.attempts) == (run.id, 1)


@pytest.mark.parametrize(
    ("policy", "fired", "missed"),
    [(MisfirePolicy.ONE, 1, 2), (MisfirePolicy.ALL, 3, 0), (MisfirePolicy.SKIP, 0, None)],
)
def test_missed_firings_are_made_or_not_as_the_job_says(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    policy: MisfirePolicy,
    fired: int,
    missed: int | None,
) -> None:
    now = datetime.now(UTC)
    ticks = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)
    first = (ticks - timedelta(minutes=20) - now).total_seconds()
    job_id = book(
        connection, caller.account.id, due_in=0, cron=CRON, misfire=Misfire(policy=policy)
    )
    connection.execute("UPDATE due SET next_at = %s", (now + timedelta(seconds=first),))
    account_lifecycle.suspend(context, "demo")
    claim_all(connection)
    assert one(connection, "SELECT count(*) FROM inflight") == 0

    account_lifecycle.resume(context, "demo", quiet)

    for _ in range(5):
        claim_all(connection)
    # Where the next tick comes within this test, it is one more of `all`.
    assert one(connection, "SELECT count(*) FROM inflight") in {fired, fired + 1}
    if missed is not None:
        missed_count = one(connection, "SELECT missed FROM inflight ORDER BY due_at LIMIT 1")
        assert missed_count in {missed, missed + 1}
    assert one(connection, "SELECT next_at > now() FROM due WHERE job_id = %s", job_id) is True


def test_a_one_time_job_that_came_due_fires_late_and_one_that_did_not_on_time(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    late = book(connection, caller.account.id, due_in=-1)
    ahead = book(connection, caller.account.id, due_in=600)
    account_lifecycle.suspend(context, "demo")
    claim_all(connection)

    account_lifecycle.resume(context, "demo", quiet)

    claim_all(connection)
    assert one(connection, "SELECT job_id FROM inflight") == late
    assert one(connection, "SELECT next_at > now() FROM due WHERE job_id = %s", ahead) is True


def test_a_job_deleted_or_paused_since_it_was_resumed_does_not_fire(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    """The batches come one by one: meanwhile the account changes its jobs."""
    gone, paused = (book(connection, caller.account.id, due_in=-1, cron=CRON) for _ in range(2))
    account_lifecycle.suspend(context, "demo")
    claim_all(connection)
    with context.database.session() as driver:
        suspension.resume(driver, caller.account.id)
        jobs.delete(context, caller, gone)
        pauses.pause(context, caller, paused)
        assert sum(suspension.release(driver, caller.account.id)) == 0

    assert claim_all(connection) == []


def test_runs_parked_after_the_account_was_resumed_are_freed_by_maintenance(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    """A claim that began before reads the account as it was then."""
    book(connection, caller.account.id, due_in=-1)
    account_lifecycle.suspend(context, "demo")
    account_lifecycle.resume(context, "demo", quiet)
    connection.execute("UPDATE due SET held_at = next_at, next_at = NULL")

    assert suspension.recently_resumed(connection) == [caller.account.id]
    assert sum(suspension.release(connection, caller.account.id)) == 1
    assert len(claim_all(connection)) == 1


def test_more_than_one_batch_is_freed(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(suspension, "AT_ONCE", 2)
    for _ in range(5):
        book(connection, caller.account.id, due_in=-1)
    account_lifecycle.suspend(context, "demo")
    claim_all(connection)
    progress: list[Counter[str]] = []

    account_lifecycle.resume(context, "demo", lambda done: progress.append(done.copy()))

    assert len(claim_all(connection)) == 5
    assert [done.total() for done in progress][-1] == 5
    assert len(progress) > 2


def test_suspending_and_resuming_twice_changes_nothing(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    account_lifecycle.suspend(context, "demo")
    since = one(connection, "SELECT suspended_at FROM account")
    account_lifecycle.suspend(context, "demo")
    assert one(connection, "SELECT suspended_at FROM account") == since
    account_lifecycle.resume(context, "demo", quiet)
    account_lifecycle.resume(context, "demo", quiet)
    with pytest.raises(NotFound):
        account_lifecycle.suspend(context, "nobody")
    with pytest.raises(NotFound):
        account_lifecycle.resume(context, "nobody", quiet)
