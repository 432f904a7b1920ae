"""What store and worker tests start from: accounts and jobs in a real database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Engine, NullPool, create_engine
from uuid6 import uuid7

from app.domain.call_options import DEFAULT_OPTIONS, CallOptions
from app.domain.job import Booking
from app.domain.misfire import DEFAULT, Misfire
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.trigger import Trigger
from app.store.claims import Claimed, claim
from app.store.engine import DIALECT, SESSION
from app.store.jobs import insert_unfollowing
from app.store.sessions import open_session
from app.store.takes import Taken, take

URL = "http://127.0.0.1:2/callback"


def open_engine(database: str) -> Engine:
    """An engine with connections as the web has them, none of which is kept."""
    creator = partial(open_session, database, SESSION)
    return create_engine(DIALECT, creator=creator, poolclass=NullPool)


def connect(database: str) -> psycopg.Connection:
    """A connection as the workers have theirs."""
    return psycopg.connect(database, autocommit=True, options="-c timezone=UTC")


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def add_account(connection: psycopg.Connection, name: str = "demo") -> int:
    row = connection.execute(
        "INSERT INTO account (name) VALUES (%s) RETURNING id", (name,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def book(
    connection: psycopg.Connection,
    account_id: int,
    *,
    due_in: float,
    cron: str | None = None,
    data: bytes = b"payload",
    misfire: Misfire = DEFAULT,
    options: CallOptions = DEFAULT_OPTIONS,
) -> UUID:
    """A job whose next firing is `due_in` seconds away (negative: overdue)."""
    job_id = UUID(int=uuid7().int)
    due_at = in_seconds(due_in)
    trigger: Trigger = Cron(expression=cron) if cron else At(instant=due_at)
    booking = Booking(url=URL, trigger=trigger, data=data, misfire=misfire, call_options=options)
    insert_unfollowing(connection, job_id, account_id, booking, due_at)
    return job_id


def call_by_hand(connection: psycopg.Connection, account_id: int, count: int) -> None:
    """So many runs of one job that were asked for by hand, and that no scheduler has met."""
    job_id = book(connection, account_id, due_in=3600)
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
        " send_at, look_at) SELECT gen_random_uuid(), %s, %s, 1, 'manual', at, false, 'claimed',"
        " at, at FROM (SELECT now() - n * interval '1 us' AS at FROM generate_series(1, %s) n) m",
        (job_id, account_id, count),
    )


def claim_all(
    connection: psycopg.Connection, *, budget: int = 1000, ahead: float = 0.3
) -> list[Claimed]:
    """Claim as the scheduler does; an unreadable trigger fails the test.

    With more seconds `ahead` a test has more time until what it claimed is due.
    """

    def unreadable(job_id: UUID, error: Exception) -> None:
        raise AssertionError(f"{job_id}: {error}")

    return claim(connection, budget=budget, ahead=ahead, unreadable=unreadable).runs


def claim_and_take(connection: psycopg.Connection, *, ahead: float = 0.3) -> list[Taken]:
    """Everything due within `ahead` seconds, taken."""
    claimed = claim_all(connection, ahead=ahead)
    return take(connection, [(each.run_id, each.token) for each in claimed])


def one(connection: psycopg.Connection, query: str, *params: Any) -> Any:
    """The only value of the only row, or None where there is no row."""
    row = connection.execute(query, params).fetchone()
    return None if row is None else row[0]


def drop_checks(connection: psycopg.Connection, table: str) -> None:
    """Let the table hold what only a newer release can write, which alters the checks."""
    names = "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'"
    for (name,) in connection.execute(names, (table,)).fetchall():
        connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')


def refuse_rows(connection: psycopg.Connection, table: str, *job_ids: UUID) -> None:
    """Have a CHECK of the table, `refused`, refuse the rows of these jobs from now on."""
    named = ", ".join(f"'{each}'" for each in job_ids)
    connection.execute(
        f"ALTER TABLE {table} ADD CONSTRAINT refused CHECK (job_id NOT IN ({named})) NOT VALID"
    )


def wait_until_blocked(connection: psycopg.Connection, count: int = 1) -> None:
    """Return once `count` sessions of this database wait for a lock."""
    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while one(connection, query) < count:
        assert datetime.now(UTC) < deadline, "nobody waits for a lock"
        # Within a transaction, the view would show what it showed first.
        connection.execute("SELECT pg_stat_clear_snapshot()")


@contextmanager
def claims_held(holder: psycopg.Connection) -> Iterator[Callable[[], None]]:
    """Stop every claim in its middle: rows locked, run not yet there, until the call yielded."""
    holder.execute(
        "CREATE OR REPLACE FUNCTION new_run_id() RETURNS uuid LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN gen_random_uuid(); END'"
    )
    holder.execute("SELECT pg_advisory_lock(1)")

    def release() -> None:
        holder.execute("SELECT pg_advisory_unlock_all()")

    try:
        yield release
    finally:
        release()


@contextmanager
def in_thread(call: Callable[[], Any]) -> Iterator[Callable[[], Any]]:
    """Run `call` beside the test; the yielded function waits for it and returns what it did.

    A test that leaves while `call` still waits for something fails, after half a minute.
    """
    outcome: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # noqa: BLE001 - handed over to the test's own thread
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def finish() -> Any:
        thread.join(30)
        assert not thread.is_alive(), "still running"
        if errors:
            raise errors[0]
        return outcome[0]

    try:
        yield finish
    except BaseException:
        thread.join(30)
        raise
    thread.join(30)
    assert not thread.is_alive(), "still running"
