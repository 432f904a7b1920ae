"""Pauses: runs are cancelled, firings re-armed, and calls by hand still possible."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from uuid6 import uuid7

from app.domain.account import Caller
from app.domain.job import Job, ReadOnlyMembers
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.run import RunKind, RunState
from app.errors import Conflict, InvalidMember, NotFound
from app.service import accounts, jobs, manual_calls, pauses, runs
from app.service.context import Context
from app.store.orphans import rearm_orphans
from app.store.rescue import check
from app.store.settling import settle
from app.store.takes import Taken, take
from tests.factories import claim_and_take, in_seconds, one
from tests.service.listed import of_job
from tests.service.test_jobs import QUARTERLY, TOMORROW, booking, claimed_beside, due_now
from tests.store.test_settling import settlement_of
from tests.store.test_ticks import book as book_ticks


def let_pass(connection: psycopg.Connection, job: Job) -> datetime:
    """Let the instant of a one-time job have been a minute ago, as if time had passed."""
    instant = in_seconds(-60).replace(microsecond=0)
    connection.execute(
        "UPDATE job SET trigger = jsonb_set(trigger, '{at}', to_jsonb(%s::text)),"
        " created_at = created_at - interval '1 hour' WHERE id = %s",
        (instant.isoformat(), job.id),
    )
    connection.execute(
        "UPDATE due SET next_at = %s WHERE job_id = %s AND next_at IS NOT NULL", (instant, job.id)
    )
    return instant


def check_and_take(connection: psycopg.Connection) -> list[Taken]:
    """What the scheduler rings for now, taken."""
    to_notify = check(connection, limit=10, leases_count=True).to_notify
    return take(connection, [(each.run_id, each.token) for each in to_notify])


def end_all(connection: psycopg.Connection) -> None:
    """Settle what was withdrawn."""
    settle(connection, check(connection, limit=10, leases_count=True).ended)


def test_a_pause_withdraws_retries_and_is_safe_twice(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    due_now(connection, job)
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run, None, 500)])

    paused = pauses.pause(context, caller, job.id)

    assert (paused.booking.enabled, paused.next_at, paused.version) == (False, None, 2)
    assert jobs.get(context, caller, job.id) == paused
    end_all(connection)
    assert runs.get(context, caller, run.id).state is RunState.CANCELLED
    assert pauses.pause(context, caller, job.id) == paused


def test_a_pause_waits_for_a_claim_and_withdraws_its_run(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    due_now(connection, job)
    run = claimed_beside(connection, database, pauses.pause, context, caller, job.id)

    assert take(connection, [(run.run_id, run.token)]) == []
    assert one(connection, "SELECT next_at FROM due") is None


def test_a_pause_of_a_paused_job_withdraws_what_was_asked_for_by_hand(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY, enabled=False))
    run_id = manual_calls.call_now(context, caller, job.id)

    pauses.pause(context, caller, job.id)
    end_all(connection)

    assert runs.get(context, caller, run_id).state is RunState.CANCELLED


def test_a_recurring_job_is_resumed_with_its_next_firing(context: Context, caller: Caller) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    pauses.pause(context, caller, job.id)

    resumed = pauses.resume(context, caller, job.id)

    assert (resumed.booking.enabled, resumed.version, resumed.next_at) == (True, 3, job.next_at)
    assert jobs.get(context, caller, job.id) == resumed
    assert pauses.resume(context, caller, job.id) == resumed


@pytest.mark.parametrize("by_put", [False, True])
def test_a_one_time_job_whose_time_passed_while_paused_fires_late_at_once(
    context: Context, caller: Caller, connection: psycopg.Connection, *, by_put: bool
) -> None:
    job = jobs.create(context, caller, booking())
    pauses.pause(context, caller, job.id)
    instant = let_pass(connection, job)

    if by_put:
        jobs.update(
            context, caller, job.id, booking(At(instant=instant), data=b"two"), ReadOnlyMembers()
        )
    else:
        pauses.resume(context, caller, job.id)
    (run,) = claim_and_take(connection)

    assert (run.due_at, run.data) == (instant, b"two" if by_put else b"one")
    settle(connection, [settlement_of(run)])
    with pytest.raises(NotFound):
        jobs.get(context, caller, job.id)


def test_a_firing_withdrawn_by_the_pause_is_made_when_resumed(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    instant = let_pass(connection, job)
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run, None, 500)])
    pauses.pause(context, caller, job.id)
    end_all(connection)

    pauses.resume(context, caller, job.id)
    (again,) = claim_and_take(connection)

    assert (again.due_at, again.job_version) == (instant, 3)
    settle(connection, [settlement_of(again)])
    assert {run.state for run in of_job(context, caller, job.id)} == {
        RunState.SUCCEEDED,
        RunState.CANCELLED,
    }


@pytest.mark.parametrize("by_put", [False, True])
@pytest.mark.parametrize("settled", [False, True])
def test_a_firing_that_was_made_all_the_same_is_not_made_twice(
    context: Context, caller: Caller, connection: psycopg.Connection, *, by_put: bool, settled: bool
) -> None:
    job = jobs.create(context, caller, booking())
    instant = let_pass(connection, job)
    (run,) = claim_and_take(connection)
    paused = pauses.pause(context, caller, job.id)
    if settled:
        settle(connection, [settlement_of(run)])

    def resume() -> None:
        if by_put:
            jobs.update(context, caller, job.id, booking(At(instant=instant)), ReadOnlyMembers())
        else:
            pauses.resume(context, caller, job.id)

    with pytest.raises(Conflict, match="already made"):
        resume()

    assert jobs.get(context, caller, job.id) == replace(
        paused, booking=replace(paused.booking, trigger=At(instant=instant))
    )
    assert (
        jobs.update(context, caller, job.id, booking(), ReadOnlyMembers()).next_at
        == TOMORROW.instant
    )


def test_an_instant_that_has_passed_is_no_hindrance_to_a_pause_by_put(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    instant = let_pass(connection, job)

    paused = jobs.update(
        context, caller, job.id, booking(At(instant=instant), enabled=False), ReadOnlyMembers()
    )

    assert not paused.booking.enabled
    another = booking(At(instant=instant - timedelta(seconds=1)))
    with pytest.raises(InvalidMember, match="not in the future"):
        jobs.update(context, caller, job.id, another, ReadOnlyMembers())


def test_a_schedule_that_ended_while_paused_cannot_be_resumed(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(Cron(expression="0 0 0 1 1 ? 2090"), enabled=False))
    connection.execute("""
        UPDATE job SET trigger = '{"kind": "cron", "expression": "0 0 0 1 1 ? 2020"}'
        """)

    with pytest.raises(Conflict, match="never fires again"):
        pauses.resume(context, caller, job.id)
    assert not jobs.get(context, caller, job.id).booking.enabled


def test_a_job_that_has_made_all_its_counted_ticks_cannot_be_resumed(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    """Armed again, its row failed each claim, so that no job of any account was claimed."""
    job_id = book_ticks(connection, caller.account.id, late=1.0, remaining=1)
    claim_and_take(connection)
    paused = pauses.pause(context, caller, job_id)

    with pytest.raises(Conflict, match="never fires again"):
        pauses.resume(context, caller, job_id)

    assert jobs.get(context, caller, job_id) == paused


def test_a_call_by_hand_leaves_the_schedule_as_it_is(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())

    run_id = manual_calls.call_now(context, caller, job.id)
    (taken,) = check_and_take(connection)

    assert (taken.id, taken.data) == (run_id, b"one")
    assert 0 < taken.remaining <= 0.2
    settle(connection, [settlement_of(taken)])
    run = runs.get(context, caller, run_id)
    assert (run.kind, run.state) == (RunKind.MANUAL, RunState.SUCCEEDED)
    assert jobs.get(context, caller, job.id) == job


def test_a_paused_job_is_called_by_hand_and_stays_paused(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(enabled=False))

    manual_calls.call_now(context, caller, job.id)
    (taken,) = check_and_take(connection)
    settle(connection, [settlement_of(taken)])

    assert jobs.get(context, caller, job.id) == job


def test_a_job_whose_firing_was_settled_first_ends_with_the_call_by_hand(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    manual_calls.call_now(context, caller, job.id)
    (by_hand,) = check_and_take(connection)
    due_now(connection, job)
    (scheduled,) = claim_and_take(connection)

    settle(connection, [settlement_of(scheduled)])
    assert jobs.get(context, caller, job.id).next_at is None
    settle(connection, [settlement_of(by_hand)])

    with pytest.raises(NotFound):
        jobs.get(context, caller, job.id)
    assert rearm_orphans(connection, limit=9, unreadable=lambda *_: None) == (0, 0)


def test_an_update_leaves_a_call_by_hand_and_the_schedule_of_the_new_version(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    manual_calls.call_now(context, caller, job.id)

    updated = jobs.update(
        context, caller, job.id, booking(QUARTERLY, data=b"two"), ReadOnlyMembers()
    )
    (taken,) = check_and_take(connection)

    assert (taken.data, taken.job_version) == (b"one", 1)
    assert updated.next_at == job.next_at


def test_a_call_by_hand_stands_for_no_firing_of_a_new_version(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime.now(UTC)
    quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    job = jobs.create(context, caller, booking(QUARTERLY))
    manual_calls.call_now(context, caller, job.id)
    by_hand = quarter + timedelta(milliseconds=100)
    connection.execute("UPDATE inflight SET due_at = %s, send_at = %s", (by_hand, by_hand))

    just_before = quarter - timedelta(milliseconds=50)
    monkeypatch.setattr(jobs, "read_clock", lambda _connection: just_before)
    updated = jobs.update(
        context, caller, job.id, booking(QUARTERLY, data=b"two"), ReadOnlyMembers()
    )

    assert updated.next_at == quarter


def test_deleting_withdraws_a_call_by_hand(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    run_id = manual_calls.call_now(context, caller, job.id)

    jobs.delete(context, caller, job.id)

    end_all(connection)
    assert runs.get(context, caller, run_id).state is RunState.CANCELLED


def test_another_accounts_job_is_neither_paused_nor_called(
    context: Context, caller: Caller
) -> None:
    theirs = accounts.authenticate(context, accounts.create(context, "theirs"), account=None)
    job = jobs.create(context, caller, booking())
    for job_id in (job.id, UUID(int=uuid7().int)):
        for call in (pauses.pause, pauses.resume, manual_calls.call_now):
            with pytest.raises(NotFound, match=str(job_id)):
                call(context, theirs, job_id)
    assert jobs.get(context, caller, job.id) == job
