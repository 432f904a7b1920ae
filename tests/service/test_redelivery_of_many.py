"""Redelivery of many runs: counted, filtered, in batches, without runs that have changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.run import RunState
from app.domain.run_filter import RunFilter
from app.service import runs
from app.service.context import Context
from app.store.settling import settle
from tests.factories import book, claim_and_take, connect, in_thread, one, wait_until_blocked
from tests.service.test_redelivery import ALL, UNSUCCESSFUL
from tests.store.test_settling import settlement_of


def several(
    caller: Caller, connection: psycopg.Connection, states: Sequence[RunState]
) -> list[UUID]:
    """Jobs that fired, and what came of it; the ids of the runs, oldest first."""
    for _ in states:
        book(connection, caller.account.id, due_in=-1)
    taken = sorted(claim_and_take(connection), key=lambda run: run.due_at)
    settle(
        connection,
        [settlement_of(run, state, 500) for run, state in zip(taken, states, strict=True)],
    )
    return [run.id for run in taken]


def test_all_unsuccessful_runs_are_counted_then_sent_again(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    states = [RunState.FAILED, RunState.SUCCEEDED, RunState.DEAD, RunState.FAILED]
    made = several(caller, connection, states)

    counted = runs.count_redeliverable(context, caller, ALL, after=None)
    assert (counted.count, counted.lost, counted.more_after) == (3, 0, None)
    assert one(connection, "SELECT count(*) FROM inflight") == 0
    dead = RunFilter(states=frozenset({RunState.DEAD}))
    assert runs.redeliver_all(context, caller, dead, after=None).count == 1
    assert runs.get(context, caller, made[2]).state is RunState.CLAIMED
    assert runs.redeliver_all(context, caller, ALL, after=None).count == 2
    assert runs.redeliver_all(context, caller, ALL, after=None).count == 0
    assert one(connection, "SELECT count(*) FROM inflight") == 3


def test_counting_goes_on_where_it_was_and_tells_what_cannot_be_sent(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = several(caller, connection, [RunState.FAILED] * 5)
    connection.execute("UPDATE run SET attempts = 1000 WHERE id = ANY (%s)", [made[1:3]])
    job_id = runs.get(context, caller, made[1]).job_id
    for size in (1, 2, 5, 6):
        monkeypatch.setattr(runs, "_BATCH_COUNTED", size)
        counted = runs.count_redeliverable(context, caller, ALL, after=None)
        assert (counted.count, counted.lost, counted.more_after) == (3, 2, None)
        of_job = RunFilter(states=UNSUCCESSFUL, job_id=job_id)
        counted = runs.count_redeliverable(context, caller, of_job, after=None)
        assert (counted.count, counted.lost) == (0, 1)

    monkeypatch.setattr(runs, "_BATCH_COUNTED", 2)
    monkeypatch.setattr(runs, "MAX_READ", 4)
    first = runs.count_redeliverable(context, caller, ALL, after=None)
    rest = runs.count_redeliverable(context, caller, ALL, after=first.more_after)
    assert (first.count, first.lost, first.more_after is None) == (2, 2, False)
    assert (rest.count, rest.lost, rest.more_after) == (1, 0, None)

    for most, expected in ((1, 1), (4, 2)):
        few = runs.count_redeliverable(context, caller, ALL, after=None, most=most)
        assert (few.count, few.more_after is None) == (expected, False)
    connection.execute("UPDATE run SET attempts = 1000 WHERE id = ANY (%s)", [made[:3]])
    monkeypatch.setattr(runs, "MAX_READ", 100)
    assert runs.count_redeliverable(context, caller, ALL, after=None, most=1).count == 1


def test_a_job_and_a_span_of_time_narrow_what_is_sent_again(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    made = several(caller, connection, [RunState.FAILED] * 4)
    dues = [runs.get(context, caller, run_id).due_at for run_id in made]
    job_id = runs.get(context, caller, made[3]).job_id

    for wanted, expected in (
        (RunFilter(states=UNSUCCESSFUL, after=dues[1], before=dues[3]), made[1:3]),
        (RunFilter(states=UNSUCCESSFUL, job_id=job_id), made[3:]),
        (RunFilter(states=UNSUCCESSFUL, job_id=job_id, before=dues[3]), []),
    ):
        assert runs.count_redeliverable(context, caller, wanted, after=None).count == len(expected)
        assert runs.redeliver_all(context, caller, wanted, after=None).count == len(expected)
        rows = connection.execute("DELETE FROM inflight RETURNING id").fetchall()
        assert sorted(row[0] for row in rows) == sorted(expected)


def test_a_call_redelivers_as_many_as_it_may_and_returns_where_to_go_on(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runs, "MAX_REDELIVERED", 3)
    monkeypatch.setattr(runs, "_BATCH", 2)
    made = several(caller, connection, [RunState.FAILED] * 5)
    connection.execute(
        "DELETE FROM superseded WHERE job_id = (SELECT job_id FROM run WHERE id = %s)", (made[1],)
    )

    first = runs.redeliver_all(context, caller, ALL, after=None)
    assert (first.count, first.lost) == (3, 1)
    assert first.more_after is not None
    # The two in the middle were of one batch.
    _, second_at, third_at = (
        row[0] for row in connection.execute("SELECT send_at FROM inflight ORDER BY due_at")
    )
    assert third_at - second_at >= timedelta(milliseconds=1)
    second = runs.redeliver_all(context, caller, ALL, after=first.more_after)

    assert (second.count, second.lost, second.more_after) == (1, 0, None)
    assert one(connection, "SELECT id FROM run") == made[1]


def test_what_was_settled_again_between_count_and_lock_is_left_alone(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    (run_id,) = several(caller, connection, [RunState.FAILED])
    with connect(database) as holder, holder.transaction():
        holder.execute("UPDATE run SET state = 'succeeded'")
        with in_thread(lambda: runs.redeliver_all(context, caller, ALL, after=None)) as done:
            wait_until_blocked(connection)
            holder.execute("COMMIT")
            assert done().count == 0
            holder.execute("BEGIN")

    assert runs.get(context, caller, run_id).state is RunState.SUCCEEDED


def test_what_was_deleted_between_count_and_lock_is_lost(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    deleted, _ = (
        book(connection, caller.account.id, due_in=-1, cron="0 0 * * *") for _ in range(2)
    )
    failed = [settlement_of(run, RunState.FAILED, 500) for run in claim_and_take(connection)]
    settle(connection, failed)
    with connect(database) as holder, holder.transaction():
        holder.execute("DELETE FROM job WHERE id = %s", (deleted,))
        with in_thread(lambda: runs.redeliver_all(context, caller, ALL, after=None)) as done:
            wait_until_blocked(connection)
            holder.execute("COMMIT")
            assert (done().count, done().lost) == (1, 1)
            holder.execute("BEGIN")
