"""Accounts suspended, resumed and deleted: at once, with nothing lost, and with nothing left."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from flask import Flask

from app.domain.account import Caller, Presumed
from app.domain.job import Booking
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.run import RunState
from app.domain.trigger import At
from app.errors import AccountSuspended, Conflict, NotFound, Unauthenticated
from app.service import account_ends, accounts, dapr_apps, jobs, pauses
from app.service.fusion import runners
from app.store import erasure, suspension
from app.store.engine import session
from app.store.lookovers import look_over
from app.store.partitions import make_ahead
from app.store.repairs import rearm_orphans
from app.store.settling import settle
from app.store.takes import take, untaken, word
from tests.booked import add_account, book, claim_all, claim_and_take, connect, in_thread, one
from tests.store.test_settling import came

CRON = "0 0/10 * * * ?"
STATES = "SELECT state, look_at = 'infinity' FROM inflight ORDER BY due_at"


def quiet(_done: Counter[str]) -> None:
    """Nobody is told how far it has come."""


def looked(connection: psycopg.Connection) -> int:
    """How many runs were rung for, of all there are: the time to look at them is now."""
    connection.execute("UPDATE inflight SET look_at = clock_timestamp() WHERE look_at < 'infinity'")
    return len(look_over(connection, limit=100, leases_count=True).rung)


def booking() -> Booking:
    return Booking(url="https://example.com/", trigger=At(instant=datetime(2099, 1, 1, tzinfo=UTC)))


# Suspended.


def test_what_comes_due_is_set_aside_once_and_costs_no_later_claim(
    app: Flask, caller: Caller, connection: psycopg.Connection
) -> None:
    mine = [
        book(connection, caller.account.id, due_in=-1, cron=cron) for cron in (None, CRON, CRON)
    ]
    other = book(connection, add_account(connection, "other"), due_in=-1)
    account_ends.suspend("demo")

    claimed = claim_all(connection)

    assert len(claimed) == 1
    assert one(connection, "SELECT job_id FROM inflight") == other
    waiting = connection.execute(
        "SELECT job_id FROM due WHERE held_at < now() AND next_at IS NULL AND slot IS NULL"
    )
    assert {row[0] for row in waiting} == set(mine)
    assert claim_all(connection) == []


def test_no_run_is_taken_or_rung_for_nor_looked_at_again(
    app: Flask, caller: Caller, connection: psycopg.Connection
) -> None:
    book(connection, caller.account.id, due_in=-1)
    claimed = claim_all(connection)
    tickets = [(each.run_id, each.token) for each in claimed]
    account_ends.suspend("demo")

    assert take(connection, tickets) == []
    assert untaken(connection, late=0.0, limit=10) == []
    assert looked(connection) == 0
    assert connection.execute(STATES).fetchall() == [("claimed", True)]
    assert looked(connection) == 0
    assert take(connection, tickets) == []
    assert word(connection).suspended == {caller.account.id}


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, None])
def test_a_call_under_way_is_settled_and_no_retry_is_made(
    app: Flask, caller: Caller, connection: psycopg.Connection, state: RunState | None
) -> None:
    book(connection, caller.account.id, due_in=-1)
    (run,) = claim_and_take(connection)
    account_ends.suspend("demo")

    assert settle(connection, [came(run, state, 204 if state else 500)]) == {run.id}

    assert looked(connection) == 0
    left = connection.execute(STATES).fetchall()
    assert left == ([] if state else [("claimed", True)])


def test_a_run_whose_worker_ended_waits_as_well(
    app: Flask, caller: Caller, connection: psycopg.Connection
) -> None:
    book(connection, caller.account.id, due_in=-1)
    claim_and_take(connection)
    account_ends.suspend("demo")
    connection.execute("UPDATE inflight SET lease_until = now() - interval '1 s'")

    assert looked(connection) == 0
    assert connection.execute(STATES).fetchall() == [("claimed", True)]


def test_the_repair_leaves_alone_what_waits(
    app: Flask, caller: Caller, connection: psycopg.Connection
) -> None:
    book(connection, caller.account.id, due_in=-1, cron=CRON)
    connection.execute("UPDATE job SET updated_at = updated_at - interval '1 minute'")
    account_ends.suspend("demo")
    claim_all(connection)

    assert rearm_orphans(connection, limit=10, unreadable=lambda *_: pytest.fail("unreadable")) == 0


def test_a_key_that_is_cached_books_nothing_from_that_moment_on(
    app: Flask, connection: psycopg.Connection
) -> None:
    key = accounts.create("demo")
    accounts.authenticate(key, account=None)
    presumed = accounts.presume(key, account=None)
    assert isinstance(presumed, Presumed)
    jobs.create(presumed, booking())

    account_ends.suspend("demo")

    with pytest.raises(AccountSuspended):
        jobs.create(presumed, booking())
    assert jobs.create(presumed, booking(), dry_run=True).id
    assert one(connection, "SELECT count(*) FROM job") == 1
    account_ends.resume("demo", quiet)
    jobs.create(presumed, booking())


# Resumed.


def test_a_run_goes_on_where_it_was(
    app: Flask, caller: Caller, connection: psycopg.Connection
) -> None:
    book(connection, caller.account.id, due_in=-1)
    (run,) = claim_and_take(connection)
    account_ends.suspend("demo")
    settle(connection, [came(run, None, 500)])
    looked(connection)

    account_ends.resume("demo", quiet)

    (rung,) = look_over(connection, limit=10, leases_count=True).rung
    (again,) = take(connection, [(rung.run_id, rung.token)])
    assert (again.id, again.attempts) == (run.id, 1)


@pytest.mark.parametrize(
    ("policy", "fired", "missed"),
    [(MisfirePolicy.ONE, 1, 2), (MisfirePolicy.ALL, 3, 0), (MisfirePolicy.SKIP, 0, None)],
)
def test_missed_firings_are_made_or_not_as_the_job_says(
    app: Flask,
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
    account_ends.suspend("demo")
    claim_all(connection)
    assert one(connection, "SELECT count(*) FROM inflight") == 0

    account_ends.resume("demo", quiet)

    for _ in range(5):
        claim_all(connection)
    # Where the next tick comes within this test, it is one more of `all`.
    assert one(connection, "SELECT count(*) FROM inflight") in {fired, fired + 1}
    if missed is not None:
        told = one(connection, "SELECT missed FROM inflight ORDER BY due_at LIMIT 1")
        assert told in {missed, missed + 1}
    assert one(connection, "SELECT next_at > now() FROM due WHERE job_id = %s", job_id) is True


def test_a_one_time_job_that_came_due_fires_late_and_one_that_did_not_on_time(
    app: Flask, caller: Caller, connection: psycopg.Connection
) -> None:
    late = book(connection, caller.account.id, due_in=-1)
    ahead = book(connection, caller.account.id, due_in=600)
    account_ends.suspend("demo")
    claim_all(connection)

    account_ends.resume("demo", quiet)

    claim_all(connection)
    assert one(connection, "SELECT job_id FROM inflight") == late
    assert one(connection, "SELECT next_at > now() FROM due WHERE job_id = %s", ahead) is True


def test_a_job_deleted_or_paused_since_it_was_resumed_does_not_fire(
    app: Flask, caller: Caller, connection: psycopg.Connection
) -> None:
    """The batches come one by one: meanwhile the account changes its jobs."""
    gone, paused = (book(connection, caller.account.id, due_in=-1, cron=CRON) for _ in range(2))
    account_ends.suspend("demo")
    claim_all(connection)
    with session() as driver:
        suspension.resume(driver, caller.account.id)
        jobs.delete(caller, gone)
        pauses.pause(caller, paused)
        assert sum(suspension.release(driver, caller.account.id)) == 0

    assert claim_all(connection) == []


def test_what_is_set_aside_after_the_account_was_resumed_is_freed_by_maintenance(
    app: Flask, caller: Caller, connection: psycopg.Connection
) -> None:
    """A claim that began before reads the account as it was then."""
    book(connection, caller.account.id, due_in=-1)
    account_ends.suspend("demo")
    account_ends.resume("demo", quiet)
    connection.execute("UPDATE due SET held_at = next_at, next_at = NULL")

    assert suspension.recently_resumed(connection) == [caller.account.id]
    assert sum(suspension.release(connection, caller.account.id)) == 1
    assert len(claim_all(connection)) == 1


def test_more_than_one_batch_is_freed(
    app: Flask, caller: Caller, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suspension, "AT_ONCE", 2)
    for _ in range(5):
        book(connection, caller.account.id, due_in=-1)
    account_ends.suspend("demo")
    claim_all(connection)
    told: list[Counter[str]] = []

    account_ends.resume("demo", lambda done: told.append(done.copy()))

    assert len(claim_all(connection)) == 5
    assert [done.total() for done in told][-1] == 5
    assert len(told) > 2


def test_suspending_and_resuming_twice_changes_nothing_and_nobody_is_told_of_anyone(
    app: Flask, caller: Caller, connection: psycopg.Connection
) -> None:
    account_ends.suspend("demo")
    since = one(connection, "SELECT suspended_at FROM account")
    account_ends.suspend("demo")
    assert one(connection, "SELECT suspended_at FROM account") == since
    account_ends.resume("demo", quiet)
    account_ends.resume("demo", quiet)
    for act in (account_ends.suspend, lambda name: account_ends.resume(name, quiet)):
        with pytest.raises(NotFound):
            act("nobody")


# Deleted.

TABLES = """
SELECT c.table_name FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND c.column_name = 'account_id' AND t.table_type = 'BASE TABLE'
  AND c.table_name !~ '^(run|attempt)_'
"""


@pytest.fixture
def furnish(app: Flask, connection: psycopg.Connection) -> Callable[[str], None]:
    """Give an account something of everything."""
    make_ahead(connection, datetime.now(UTC).date())

    def give(name: str) -> None:
        accounts.create(name)
        owner = accounts.named(name)
        dapr_apps.put(owner, "shop", url="http://127.0.0.1:6200", token="x")
        runners.put(owner, "spark", url="http://127.0.0.1:6201")
        for due_in in (-3, -2, -1, 600):
            book(connection, owner.id, due_in=due_in)
        book(connection, owner.id, due_in=-1, cron=CRON)
        runs = [each for each in claim_and_take(connection) if each.account_id == owner.id]
        settle(connection, [came(runs[0]), came(runs[1], RunState.FAILED, 500)])
        settle(connection, [came(runs[2], None, 500)])
        connection.execute(
            "INSERT INTO accuracy (account_id, begins, counts, most_ms)"
            " VALUES (%s, now(), '{1}', 1)",
            (owner.id,),
        )
        connection.execute(
            "INSERT INTO kept_answer (account_id, key, fingerprint, status, headers, body, sealed)"
            " VALUES (%s, 'k', sha256('x'), 200, '[]', '', false)",
            (owner.id,),
        )
        for table, columns, values in (
            ("firing_pace", "spent_until, queued_until", "now(), now()"),
            ("runs_under_way", "runs", "1"),
            ("history_usage", "day, bytes", "now()::date, 1"),
        ):
            connection.execute(
                f"INSERT INTO {table} (account_id, {columns}) VALUES (%s, {values})"
                " ON CONFLICT DO NOTHING",
                (owner.id,),
            )
        connection.execute(
            "INSERT INTO follow (job_id, account_id, upstream, states)"
            " VALUES (gen_random_uuid(), %s, 'x', '{failed}')",
            (owner.id,),
        )

    return give


def owned(connection: psycopg.Connection, account_id: int) -> dict[str, int]:
    """How many rows each table has of the account."""
    tables = [row[0] for row in connection.execute(TABLES)]
    assert {"job", "due", "inflight", "run", "api_key", "signing_secret"} <= set(tables)
    return {
        table: one(connection, f"SELECT count(*) FROM {table} WHERE account_id = %s", account_id)
        for table in tables
    }


def test_nothing_of_a_deleted_account_is_left_and_all_of_others_is(
    app: Flask, connection: psycopg.Connection, furnish: Callable[[str], None]
) -> None:
    furnish("kept")
    kept = owned(connection, accounts.named("kept").id)
    attempts = one(connection, "SELECT count(*) FROM attempt")
    content = one(connection, "SELECT count(*) FROM superseded")
    furnish("gone")
    owner = accounts.named("gone")
    before = owned(connection, owner.id)
    assert all(before.values()), before
    waits: list[float] = []

    account_ends.delete("gone", quiet, wait=waits.append)

    assert set(owned(connection, owner.id).values()) == {0}
    assert owned(connection, accounts.named("kept").id) == kept
    assert one(connection, "SELECT count(*) FROM attempt") == attempts
    assert one(connection, "SELECT count(*) FROM superseded") == content
    # Runs were held by a worker: their leases were waited for, once.
    assert waits == [5.0]
    with pytest.raises(NotFound):
        accounts.named("gone")
    accounts.create("gone")


def test_a_deletion_that_was_interrupted_anywhere_goes_on(
    app: Flask, connection: psycopg.Connection, furnish: Callable[[str], None]
) -> None:
    furnish("gone")
    owner = accounts.named("gone")
    for steps in range(1, 7):
        with session() as driver:
            erasure.begin(driver, owner.id)
            # One further step each time, before it is stopped.
            assert len(list(itertools.islice(erasure.erase(driver, owner.id), steps))) == steps
            if steps == 1:
                assert sum(owned(connection, owner.id).values()) > 0
    account_ends.delete("gone", quiet, wait=lambda _seconds: None)
    with pytest.raises(NotFound):
        account_ends.delete("gone", quiet)


def test_from_its_beginning_on_no_key_of_it_is_valid_and_it_is_not_resumed(
    app: Flask, connection: psycopg.Connection
) -> None:
    key = accounts.create("demo")
    with session() as driver:
        erasure.begin(driver, accounts.named("demo").id)

    with pytest.raises(Unauthenticated):
        accounts.authenticate(key, account=None)
    with pytest.raises(Conflict):
        account_ends.resume("demo", quiet)


def test_a_booking_that_comes_between_is_erased_as_well(
    app: Flask, caller: Caller, connection: psycopg.Connection
) -> None:
    """A request that was authenticated before stores its job as late as this."""
    with session() as driver:
        erasure.begin(driver, caller.account.id)
        list(erasure.erase(driver, caller.account.id))
        jobs.create(caller, booking())
        assert not erasure.end(driver, caller.account.id)

    account_ends.delete("demo", quiet)
    assert one(connection, "SELECT count(*) FROM job") == 0


def test_nobody_else_waits_for_a_deletion(
    app: Flask, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    """While one batch of it waits for a lock, other accounts book and claim."""
    held = book(connection, caller.account.id, due_in=600)
    other = add_account(connection, "other")
    with connect(database) as holder, holder.transaction():
        holder.execute("SELECT FROM due WHERE job_id = %s FOR UPDATE", (held,))

        def delete() -> None:
            with app.app_context():
                account_ends.delete("demo", quiet, wait=lambda _seconds: None)

        with in_thread(delete) as finish:
            book(connection, other, due_in=-1)
            assert len(claim_and_take(connection)) == 1
            holder.execute("ROLLBACK")
            finish()
    assert one(connection, "SELECT count(*) FROM account") == 1
