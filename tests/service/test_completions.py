"""Completions: once, in time, by the receiver, and in every race."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from uuid6 import uuid7

from app.domain import counters
from app.domain.account import Caller
from app.domain.completion import Completion, Result
from app.domain.dapr.series import MAX_TOGETHER
from app.domain.job import Job
from app.domain.run import RunState
from app.domain.trigger import Trigger
from app.errors import Conflict, NotFound, Unavailable
from app.service import accounts, completions, jobs, pauses, runs
from app.service.context import Context
from app.store import run_ends
from app.store.counters import add_counters
from app.store.database import driver_of
from app.store.rescue import check
from app.store.settling import settle
from app.store.takes import Taken
from tests.factories import (
    claim_all,
    claim_and_take,
    connect,
    in_seconds,
    in_thread,
    one,
    wait_until_blocked,
)
from tests.service.test_jobs import QUARTERLY, TOMORROW, booking, due_now
from tests.store import test_ticks
from tests.store.test_completions import later
from tests.store.test_settling import settlement_of

DONE = Completion(result=Result.SUCCEEDED)
LOST = Completion(result=Result.FAILED, message="the disk is full")


def begin(
    context: Context, caller: Caller, connection: psycopg.Connection, trigger: Trigger = TOMORROW
) -> tuple[Job, Taken]:
    """A job whose call is being made."""
    job = jobs.create(context, caller, booking(trigger))
    due_now(connection, job)
    (run,) = claim_and_take(connection)
    return job, run


def look_and_settle(connection: psycopg.Connection) -> None:
    settle(connection, check(connection, limit=10, leases_count=True).ended)


@pytest.mark.parametrize(
    ("said", "state", "reason", "kept"),
    [(DONE, RunState.SUCCEEDED, None, 0), (LOST, RunState.FAILED, "the disk is full", 1)],
)
def test_a_completion_ends_the_run_and_its_one_time_job(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    said: Completion,
    state: RunState,
    reason: str | None,
    kept: int,
) -> None:
    job, run = begin(context, caller, connection)
    settle(connection, [later(run)])
    shown = runs.get(context, caller, run.id)
    assert shown.state is RunState.RUNNING
    assert shown.complete_by is not None

    ended = completions.complete(context, run.id, said, account_id=None)

    assert ended == runs.get(context, caller, run.id)
    assert (ended.state, ended.reason, ended.complete_by) == (state, reason, None)
    assert [attempt.reply.status for attempt in ended.attempts] == [202]
    with pytest.raises(NotFound):
        jobs.get(context, caller, job.id)
    assert one(connection, "SELECT count(*) FROM superseded") == kept
    assert one(connection, "SELECT total FROM tally WHERE name = 'run'") == 1


def test_a_recurring_job_goes_on(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job, run = begin(context, caller, connection, QUARTERLY)
    settle(connection, [later(run)])

    completions.complete(context, run.id, LOST, account_id=caller.account.id)

    assert jobs.get(context, caller, job.id).next_at is not None


def test_a_repeated_result_changes_nothing_and_another_is_refused(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    _, run = begin(context, caller, connection)
    settle(connection, [later(run)])
    first = completions.complete(context, run.id, DONE, account_id=None)

    assert completions.complete(context, run.id, DONE, account_id=None) == first
    with pytest.raises(Conflict, match="has already ended as succeeded"):
        completions.complete(context, run.id, LOST, account_id=None)
    assert runs.get(context, caller, run.id) == first


def test_the_result_of_a_further_tick_before_its_reply_is_settled_is_to_be_reported_again(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    test_ticks.book(connection, caller.account.id, late=5.0)
    (run,) = claim_and_take(connection)
    called = test_ticks.called(run, 2, state=None)
    settlement = called._replace(within=60, complete_by=in_seconds(60))
    tick = settlement.id
    for account_id in (None, caller.account.id):
        with pytest.raises(Unavailable, match="not stored yet") as refusal:
            completions.complete(context, tick, LOST, account_id=account_id)
        # The log remembers when each reason was logged.
        assert str(tick) not in refusal.value.message
    # Neither is the run of another account, nor any other id, one of them.
    for run_id, account_id in (
        (tick, caller.account.id + 1),
        (UUID(int=run.id.int - 1), None),
        (UUID(int=run.id.int + MAX_TOGETHER + 1), None),
    ):
        with pytest.raises(NotFound):
            completions.complete(context, run_id, LOST, account_id=account_id)

    settle(connection, [settlement])

    assert completions.complete(context, tick, LOST, account_id=None).state is RunState.FAILED
    with pytest.raises(NotFound):
        completions.complete(context, UUID(int=run.id.int + 1), LOST, account_id=None)


def test_a_result_before_the_reply_is_settled_ends_the_run_then(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job, run = begin(context, caller, connection)

    early = completions.complete(context, run.id, LOST, account_id=None)
    assert early.state is RunState.TAKEN
    assert completions.complete(context, run.id, LOST, account_id=None) == early
    with pytest.raises(Conflict, match="already completed as failed"):
        completions.complete(context, run.id, DONE, account_id=None)
    settle(connection, [later(run)])
    look_and_settle(connection)

    ended = runs.get(context, caller, run.id)
    assert (ended.state, ended.reason) == (RunState.FAILED, "the disk is full")
    assert len(ended.attempts) == 1
    with pytest.raises(NotFound):
        jobs.get(context, caller, job.id)


def test_a_completed_run_is_not_called_again_though_its_reply_was_lost(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    _, run = begin(context, caller, connection)
    completions.complete(context, run.id, DONE, account_id=None)

    settle(connection, [settlement_of(run, None, 500)])
    checked = check(connection, limit=10, leases_count=True)
    settle(connection, checked.ended)

    assert checked.to_notify == []
    assert runs.get(context, caller, run.id).state is RunState.SUCCEEDED


def test_a_reply_that_ends_the_run_goes_before_the_reported_result(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    _, run = begin(context, caller, connection)
    completions.complete(context, run.id, LOST, account_id=None)

    settle(connection, [settlement_of(run)])

    assert runs.get(context, caller, run.id).state is RunState.SUCCEEDED
    with pytest.raises(Conflict):
        completions.complete(context, run.id, LOST, account_id=None)


def test_a_result_while_a_retry_waits_ends_the_run(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    _, run = begin(context, caller, connection)
    settle(connection, [settlement_of(run, None, 500)])

    assert completions.complete(context, run.id, DONE, account_id=None).state is RunState.SUCCEEDED


def test_a_run_that_was_not_called_has_no_result(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    due_now(connection, job)
    (claimed,) = claim_all(connection)

    with pytest.raises(Conflict, match="No call"):
        completions.complete(context, claimed.run_id, DONE, account_id=caller.account.id)


def test_nor_of_one_sent_again_before_it_was(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    _, run = begin(context, caller, connection, QUARTERLY)
    settle(connection, [settlement_of(run, RunState.FAILED, 500)])
    runs.redeliver(context, caller, run.id)

    with pytest.raises(Conflict, match="No call"):
        completions.complete(context, run.id, DONE, account_id=None)


def test_a_run_of_another_account_is_answered_as_an_unknown_one(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    theirs = accounts.authenticate(context, accounts.create(context, "theirs"), account=None)
    _, run = begin(context, caller, connection)
    settle(connection, [later(run)])

    for run_id in (run.id, UUID(int=uuid7().int)):
        with pytest.raises(NotFound, match=str(run_id)):
            completions.complete(context, run_id, DONE, account_id=theirs.account.id)
    assert runs.get(context, caller, run.id).state is RunState.RUNNING


def test_a_pause_ends_what_was_to_be_completed(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job, run = begin(context, caller, connection, QUARTERLY)
    settle(connection, [later(run)])
    pauses.pause(context, caller, job.id)

    look_and_settle(connection)

    assert runs.get(context, caller, run.id).state is RunState.CANCELLED
    with pytest.raises(Conflict, match="has already ended as cancelled"):
        completions.complete(context, run.id, DONE, account_id=None)


def test_the_first_of_completion_and_deadline_decides(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    _, run = begin(context, caller, connection)
    settle(connection, [later(run)])
    connection.execute(
        "UPDATE inflight SET complete_by = clock_timestamp(), look_at = clock_timestamp()"
    )
    (expired,) = check(connection, limit=10, leases_count=True).ended

    completions.complete(context, run.id, DONE, account_id=None)

    assert settle(connection, [expired]) == set()
    assert runs.get(context, caller, run.id).state is RunState.SUCCEEDED


def test_a_result_while_the_reply_is_being_settled_is_not_lost(
    context: Context, database: str, caller: Caller, connection: psycopg.Connection
) -> None:
    _, run = begin(context, caller, connection)

    def say() -> object:
        return completions.complete(context, run.id, DONE, account_id=None)

    with connect(database) as settler, settler.transaction():
        settle(settler, [later(run)])
        with in_thread(say) as finish:
            wait_until_blocked(connection)
            settler.execute("COMMIT")
            ended = finish()
            settler.execute("BEGIN")

    assert ended == runs.get(context, caller, run.id)
    assert runs.get(context, caller, run.id).state is RunState.SUCCEEDED


def test_what_ends_is_counted_once_it_is_committed_and_holds_up_no_other_count(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    add_counters(connection, {(counters.RUN, "cancelled"): 1.0})
    counted = "SELECT total FROM tally WHERE name = 'run' AND label = 'cancelled' FOR UPDATE NOWAIT"
    _, run = begin(context, caller, connection)

    def end(*, fail: bool) -> None:
        with context.database.transaction() as web:
            live = run_ends.lock(driver_of(web), run.id)
            assert live is not None
            run_ends.end(driver_of(web), live, RunState.CANCELLED, "aborted")
            assert one(connection, counted) == 1
            if fail:
                raise LookupError

    with pytest.raises(LookupError):
        end(fail=True)
    assert one(connection, counted) == 1
    end(fail=False)
    assert one(connection, counted) == 2
