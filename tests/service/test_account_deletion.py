"""Accounts deleted: from its beginning on for good, and with nothing left."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.run import RunState
from app.domain.usage import NOTHING
from app.errors import Conflict, NotFound, Unauthenticated, Unavailable
from app.random_ids import new_id
from app.service import account_lifecycle, accounts, inboxes, jobs, runs
from app.service.context import Context
from app.service.dapr import apps as dapr_apps
from app.service.fusion import runners
from app.store import erasure, usage
from app.store.jobs import insert_job
from app.store.partitions import make_ahead
from app.store.settling import settle
from tests.factories import (
    add_account,
    book,
    claim_and_take,
    connect,
    in_thread,
    one,
    wait_until_blocked,
)
from tests.service.test_account_ends import booking, quiet
from tests.store.test_settling import settlement_of

CRON = "0 0/10 * * * ?"
TABLES = """
SELECT c.table_name FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND c.column_name = 'account_id' AND t.table_type = 'BASE TABLE'
  AND c.table_name !~ '^(run|attempt)_'
"""


@pytest.fixture
def furnish(context: Context, connection: psycopg.Connection) -> Callable[[str], None]:
    """Give an account something of everything."""
    make_ahead(connection, datetime.now(UTC).date())

    def give(name: str) -> None:
        accounts.create(context, name)
        owner = accounts.get_account(context, name)
        dapr_apps.put(context, owner, "shop", url="http://127.0.0.1:6200", token="x")
        with context.database.transaction() as transaction:
            inboxes.create(transaction, owner.id)
        runners.put(context, owner, "spark", url="http://127.0.0.1:6201")
        for due_in in (-3, -2, -1, 600):
            book(connection, owner.id, due_in=due_in)
        book(connection, owner.id, due_in=-1, cron=CRON)
        runs = [each for each in claim_and_take(connection) if each.account_id == owner.id]
        settle(connection, [settlement_of(runs[0]), settlement_of(runs[1], RunState.FAILED, 500)])
        settle(connection, [settlement_of(runs[2], None, 500)])
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
        user = one(
            connection,
            "INSERT INTO web_user (email, password) VALUES (%s, '$argon2id$') RETURNING id",
            f"{name}@example.com",
        )
        connection.execute("INSERT INTO membership VALUES (%s, %s, 'owner')", (user, owner.id))
        connection.execute(
            "INSERT INTO web_session (digest, user_id, account_id, ends_at)"
            " VALUES (sha256(%s), %s, %s, now() + '1 hour')",
            (name.encode(), user, owner.id),
        )
        connection.execute(
            "INSERT INTO invitation (digest, account_id, expires_at)"
            " VALUES (sha256(%s), %s, now() + '1 hour')",
            (name.encode(), owner.id),
        )
        connection.execute(
            "INSERT INTO follow (job_id, account_id, upstream, states)"
            " VALUES (gen_random_uuid(), %s, 'x', '{failed}')",
            (owner.id,),
        )

    return give


def lock_account(connection: psycopg.Connection, account_id: int) -> None:
    """Lock the account's row as the service does that changes one thing of it at a time."""
    connection.execute("SELECT FROM account WHERE id = %s FOR NO KEY UPDATE", (account_id,))


def owned(connection: psycopg.Connection, account_id: int) -> dict[str, int]:
    """How many rows each table has of the account."""
    tables = [row[0] for row in connection.execute(TABLES)]
    assert {"job", "due", "inflight", "run", "api_key", "signing_secret"} <= set(tables)
    return {
        table: one(connection, f"SELECT count(*) FROM {table} WHERE account_id = %s", account_id)
        for table in tables
    }


def test_nothing_of_a_deleted_account_is_left_and_all_of_others_is(
    context: Context, connection: psycopg.Connection, furnish: Callable[[str], None]
) -> None:
    furnish("kept")
    kept = owned(connection, accounts.get_account(context, "kept").id)
    attempts = one(connection, "SELECT count(*) FROM attempt")
    content = one(connection, "SELECT count(*) FROM superseded")
    furnish("gone")
    owner = accounts.get_account(context, "gone")
    before = owned(connection, owner.id)
    assert all(before.values()), before
    waits: list[float] = []

    account_lifecycle.delete(context, "gone", quiet, wait=waits.append)

    assert set(owned(connection, owner.id).values()) == {0}
    assert owned(connection, accounts.get_account(context, "kept").id) == kept
    assert one(connection, "SELECT count(*) FROM attempt") == attempts
    assert one(connection, "SELECT count(*) FROM superseded") == content
    # Runs were held by a worker: their leases were waited for, once.
    assert waits == [5.0]
    with pytest.raises(NotFound):
        accounts.get_account(context, "gone")
    accounts.create(context, "gone")


def test_a_deletion_that_was_interrupted_anywhere_goes_on(
    context: Context, connection: psycopg.Connection, furnish: Callable[[str], None]
) -> None:
    furnish("gone")
    owner = accounts.get_account(context, "gone")
    for steps in range(1, 7):
        with context.database.session() as driver:
            erasure.begin(driver, owner.id)
            # One further step each time, before it is stopped.
            assert len(list(itertools.islice(erasure.erase(driver, owner.id), steps))) == steps
            if steps == 1:
                assert sum(owned(connection, owner.id).values()) > 0
    account_lifecycle.delete(context, "gone", quiet, wait=lambda _seconds: None)
    with pytest.raises(NotFound):
        account_lifecycle.delete(context, "gone", quiet)


def test_from_its_beginning_on_no_key_of_it_is_valid_and_it_is_not_resumed(
    context: Context, connection: psycopg.Connection
) -> None:
    key = accounts.create(context, "demo")
    with context.database.session() as driver:
        erasure.begin(driver, accounts.get_account(context, "demo").id)

    with pytest.raises(Unauthenticated):
        accounts.authenticate(context, key, account=None)
    with pytest.raises(Conflict):
        account_lifecycle.resume(context, "demo", quiet)


def test_a_booking_that_comes_between_is_erased_as_well(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    """A request that was authenticated before stores its job as late as this."""
    with context.database.session() as driver:
        erasure.begin(driver, caller.account.id)
        list(erasure.erase(driver, caller.account.id))
        jobs.create(context, caller, booking())
        assert not erasure.end(driver, caller.account.id)

    account_lifecycle.delete(context, "demo", quiet)
    assert one(connection, "SELECT count(*) FROM job") == 0


def test_a_redelivery_that_ends_during_the_deletion_leaves_no_run(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    make_ahead(connection, datetime.now(UTC).date())
    book(connection, caller.account.id, due_in=-1)
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run, RunState.FAILED, 500)])

    def delete() -> None:
        account_lifecycle.delete(context, "demo", quiet, wait=lambda _seconds: None)

    with ExitStack() as threads:
        with context.database.unit_of_work():
            runs.redeliver(context, caller, run.id)
            finish = threads.enter_context(in_thread(delete))
            wait_until_blocked(connection)
        finish()

    assert set(owned(connection, caller.account.id).values()) == {0}


def test_a_booking_that_comes_after_the_end_is_told_that_its_account_is_gone(
    context: Context, caller: Caller
) -> None:
    account_lifecycle.delete(context, "demo", quiet)

    with pytest.raises(Unavailable, match="deleted meanwhile"):
        jobs.create(context, caller, booking())
    with (
        pytest.raises(Unavailable, match="deleted meanwhile"),
        context.database.session() as driver,
    ):
        usage.lock(driver, caller.account.id)


def test_an_account_that_is_being_erased_is_counted_rightly(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    for _ in range(3):
        jobs.create(context, caller, booking())
    erasure.begin(connection, caller.account.id)
    list(erasure.erase(connection, caller.account.id))
    jobs.create(context, caller, booking())
    assert not erasure.end(connection, caller.account.id)

    assert usage.recount_one(connection, age=timedelta(0)) == (caller.account.id, NOTHING)
    assert usage.used(connection, caller.account.id).jobs == 1

    account_lifecycle.delete(context, "demo", quiet)
    assert one(connection, "SELECT count(*) FROM usage_release") == 0


@pytest.mark.parametrize("lock", [usage.lock, lock_account], ids=["booking", "save"])
def test_the_end_and_a_booking_do_not_wait_in_a_circle(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    database: str,
    lock: Callable[[psycopg.Connection, int], object],
) -> None:
    """A booking locks the quota of its account, and needs the account's row after that.

    A save of a Fusion schedule locks the account's row before it books.
    """
    account_id = caller.account.id
    usage.lock(connection, account_id)
    erasure.begin(connection, account_id)
    list(erasure.erase(connection, account_id))
    with connect(database) as holder, connect(database) as driver:
        holder.execute("BEGIN")
        lock(holder, account_id)
        with in_thread(lambda: erasure.end(driver, account_id)) as finish:
            wait_until_blocked(connection)
            insert_job(
                holder, job_id=new_id(), account_id=account_id, booking=booking(), next_at=None
            )
            holder.execute("COMMIT")
            assert not finish()
    assert one(connection, "SELECT count(*) FROM job") == 1


def test_no_other_account_waits_for_a_deletion(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    """While one batch of it waits for a lock, other accounts book and claim."""
    held = book(connection, caller.account.id, due_in=600)
    other = add_account(connection, "other")
    with connect(database) as holder, holder.transaction():
        holder.execute("SELECT FROM due WHERE job_id = %s FOR UPDATE", (held,))

        def delete() -> None:
            account_lifecycle.delete(context, "demo", quiet, wait=lambda _seconds: None)

        with in_thread(delete) as finish:
            book(connection, other, due_in=-1)
            assert len(claim_and_take(connection)) == 1
            holder.execute("ROLLBACK")
            finish()
    assert one(connection, "SELECT count(*) FROM account") == 1
