"""Settling apart: rows that are locked, take too long or collide hold up no other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
import pytest

from app.domain.run import RunState
from app.store.connection import ReconnectingConnection
from app.store.settling import Settlement, Written, write
from app.store.single_settling import Settled, settle_singly_if_needed
from app.store.takes import Taken
from tests.factories import book, claim_and_take, in_thread, one, wait_until_blocked
from tests.store.test_serial import book_serial, follow
from tests.store.test_settling import settlement_of

LOCK = {
    "due": "SELECT FROM due WHERE job_id = %(job)s FOR UPDATE",
    "inflight": "SELECT FROM inflight WHERE id = %(run)s FOR UPDATE",
    "job": "SELECT FROM job WHERE id = %(job)s FOR UPDATE",
}
_SLOW = """
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.reason = 'slow' THEN PERFORM pg_sleep(60); END IF; RETURN NEW; END $$
"""


@pytest.fixture
def settler(database: str) -> Iterator[psycopg.Connection]:
    """A connection as the settler has it."""
    reconnecting = ReconnectingConnection(database, "settler", lock_timeout=0.2)
    with reconnecting.use() as opened:
        yield opened
    reconnecting.close()


def taken(connection: psycopg.Connection, account_id: int, number: int) -> list[Taken]:
    for _ in range(number):
        book(connection, account_id, due_in=-1)
    return claim_and_take(connection)


@contextmanager
def slow_ends(connection: psycopg.Connection) -> Iterator[None]:
    """A run whose reason is `slow` takes a minute to enter history."""
    connection.execute(_SLOW)
    connection.execute(
        "CREATE TRIGGER be_slow BEFORE INSERT ON run FOR EACH ROW EXECUTE FUNCTION be_slow()"
    )
    try:
        yield
    finally:
        connection.execute("DROP TRIGGER be_slow ON run")


def busy(settled: Settled) -> list[object]:
    return [each.settlement.id for each in settled.busy]


@pytest.mark.parametrize("table", sorted(LOCK))
def test_what_is_locked_is_left_and_the_others_are_settled(
    connection: psycopg.Connection,
    other: psycopg.Connection,
    settler: psycopg.Connection,
    account_id: int,
    table: str,
) -> None:
    locked, *free = taken(connection, account_id, 4)
    batch = [settlement_of(run) for run in (free[0], locked, *free[1:])]
    with other.transaction():
        other.execute(LOCK[table], {"job": locked.job_id, "run": locked.id})
        began = time.monotonic()
        settled = settle_singly_if_needed(settler, batch)
        passed = settle_singly_if_needed(settler, [settlement_of(locked)], wait=False)
        waited = time.monotonic() - began

    assert {each.id for each in settled.done} == {run.id for run in free}
    assert busy(settled) == busy(passed) == [locked.id]
    assert (settled.token_mismatch, settled.failed) == ((), ())
    # It would have waited for as long as the lock is held.
    assert waited < 5
    assert settle_singly_if_needed(settler, [settlement_of(locked)], wait=False).done
    assert one(connection, "SELECT count(*) FROM job") == 0


def test_a_run_whose_follower_is_locked_is_left(
    connection: psycopg.Connection,
    other: psycopg.Connection,
    settler: psycopg.Connection,
    account_id: int,
) -> None:
    book_serial(connection, account_id, due_in=-30, name="task:a")
    follower = book_serial(connection, account_id, due_in=None, name="task:b")
    follow(connection, follower, "task:a", RunState.SUCCEEDED)
    (run,) = claim_and_take(connection)
    outcome = settlement_of(run)._replace(serial=True, ends_job=False)
    with other.transaction():
        other.execute(LOCK["due"], {"job": follower})
        assert busy(settle_singly_if_needed(settler, [outcome], wait=False)) == [run.id]

    assert settle_singly_if_needed(settler, [outcome], wait=False).done == (outcome,)
    assert one(connection, "SELECT job_id FROM inflight WHERE kind = 'chained'") == follower


def test_a_statement_that_takes_too_long_is_of_one_row_alone(
    connection: psycopg.Connection, settler: psycopg.Connection, account_id: int
) -> None:
    settler.execute("SET statement_timeout = '500ms'")
    runs = taken(connection, account_id, 3)
    batch = [settlement_of(run) for run in runs]
    batch[1] = batch[1]._replace(reason="slow")
    with slow_ends(connection):
        settled = settle_singly_if_needed(settler, batch, within=0.5, budget=60)

        assert {each.id for each in settled.done} == {runs[0].id, runs[2].id}
        ((left, error),) = settled.busy
        assert (left.id, type(error)) == (runs[1].id, psycopg.errors.QueryCanceled)
    assert settle_singly_if_needed(settler, [left]).done == (left,)


def test_what_there_is_no_time_for_one_by_one_is_left_for_another_time(
    connection: psycopg.Connection, settler: psycopg.Connection, account_id: int
) -> None:
    batch = [settlement_of(run)._replace(reason="slow") for run in taken(connection, account_id, 3)]
    with slow_ends(connection):
        settled = settle_singly_if_needed(settler, batch, wait=False, within=0.2, budget=0.1)

    assert busy(settled) == [each.id for each in batch]
    assert [each.error is None for each in settled.busy] == [False, True, True]


def test_a_deadlock_loses_nothing(
    connection: psycopg.Connection,
    other: psycopg.Connection,
    settler: psycopg.Connection,
    account_id: int,
) -> None:
    runs = sorted(taken(connection, account_id, 2), key=lambda run: run.job_id)
    settler.execute("SET lock_timeout = 0")
    batch = [settlement_of(run) for run in runs]
    with other.transaction():
        # It has the second and then wants the first, which the batch locked before it came to wait.
        # One of them gives up: the one that has waited longer, unless the machine is very slow.
        other.execute(LOCK["due"], {"job": runs[1].job_id})
        with in_thread(lambda: settle_singly_if_needed(settler, batch)) as settled:
            wait_until_blocked(connection)
            with suppress(psycopg.errors.DeadlockDetected):
                other.execute(LOCK["due"], {"job": runs[0].job_id})
            found = settled()

    assert (found.failed, found.token_mismatch) == ((), ())
    left = [each.settlement for each in found.busy]
    settle_singly_if_needed(settler, left)
    assert one(connection, "SELECT count(*) FROM run") == len(runs)


def test_after_a_deadlock_what_is_free_is_settled_at_once(
    connection: psycopg.Connection,
    settler: psycopg.Connection,
    account_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = [settlement_of(run) for run in taken(connection, account_id, 2)]
    tried: list[int] = []

    def collide(session: psycopg.Connection, some: Sequence[Settlement]) -> Written:
        tried.append(len(some))
        if len(tried) == 1:
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        return write(session, some)

    monkeypatch.setattr("app.store.single_settling.write", collide)

    assert len(settle_singly_if_needed(settler, batch).done) == 2
    assert tried == [2, 2]
