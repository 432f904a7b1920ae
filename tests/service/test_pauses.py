"""Pauses: everything withdrawn, armed again as it should, and calls by hand beside the schedule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from uuid6 import uuid7

from app.domain.account import Caller
from app.domain.job import Echo, Job
from app.domain.misfire import DEFAULT, Misfire, MisfirePolicy
from app.domain.run import RunKind, RunState
from app.domain.trigger import At, Cron, next_after
from app.errors import Conflict, InvalidMember, NotFound
from app.service import accounts, jobs, pauses, runs
from app.store.lookovers import look_over
from app.store.repairs import rearm_orphans
from app.store.settling import settle
from app.store.takes import Taken, take
from tests.booked import (
    claim_all,
    claim_and_take,
    claims_held,
    connect,
    in_seconds,
    in_thread,
    one,
    wait_until_blocked,
)
from tests.service.test_jobs import QUARTERLY, TOMORROW, booking, due_now, in_app
from tests.store.test_settling import came


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


def look_and_take(connection: psycopg.Connection) -> list[Taken]:
    """What the scheduler rings for now, taken."""
    rung = look_over(connection, limit=10, leases_count=True).rung
    return take(connection, [(each.run_id, each.token) for each in rung])


def end_all(connection: psycopg.Connection) -> None:
    """Settle what was withdrawn."""
    settle(connection, look_over(connection, limit=10, leases_count=True).ended)


def test_a_pause_withdraws_retries_and_is_safe_twice(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, booking(QUARTERLY))
    due_now(connection, job)
    (run,) = claim_and_take(connection)
    settle(connection, [came(run, None, 500)])

    paused = pauses.pause(caller, job.id)

    assert (paused.enabled, paused.next_at, paused.version) == (False, None, 2)
    assert jobs.get(caller, job.id) == paused
    end_all(connection)
    assert runs.get(caller, run.id).state is RunState.CANCELLED
    assert pauses.pause(caller, job.id) == paused


def test_a_pause_waits_for_a_claim_and_withdraws_its_run(
    app: Flask, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    job = jobs.create(caller, booking(QUARTERLY))
    due_now(connection, job)
    with (
        connect(database) as holder,
        claims_held(holder) as release,
        in_thread(lambda: claim_all(connection)) as claimed,
    ):
        wait_until_blocked(holder)
        with in_thread(in_app(app, pauses.pause, caller, job.id)) as paused:  # type: ignore[arg-type] # a callable
            wait_until_blocked(holder, 2)
            release()
            (run,) = claimed()
            paused()

    assert take(connection, [(run.run_id, run.token)]) == []
    assert one(connection, "SELECT next_at FROM due") is None


def test_a_pause_of_a_paused_job_withdraws_what_was_asked_for_by_hand(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, booking(QUARTERLY, enabled=False))
    run_id = pauses.fire(caller, job.id)

    pauses.pause(caller, job.id)
    end_all(connection)

    assert runs.get(caller, run_id).state is RunState.CANCELLED


def paused_an_hour_ago(connection: psycopg.Connection, job: Job) -> datetime:
    """Let a job have got its version an hour ago; its first firing since."""
    paused_at = in_seconds(-3600)
    connection.execute("UPDATE job SET updated_at = %s WHERE id = %s", (paused_at, job.id))
    return next_after(job.trigger, paused_at) or paused_at


ALL = Misfire(policy=MisfirePolicy.ALL)
SKIP = Misfire(policy=MisfirePolicy.SKIP, window=1)


@pytest.mark.parametrize("by_put", [False, True])
@pytest.mark.parametrize(("misfire", "missed"), [(DEFAULT, 3), (ALL, 0)])
def test_what_a_recurring_job_missed_while_paused_is_made_up_for_as_it_asks(
    caller: Caller,
    connection: psycopg.Connection,
    misfire: Misfire,
    missed: int,
    *,
    by_put: bool,
) -> None:
    job = jobs.create(caller, replace(booking(QUARTERLY), misfire=misfire))
    pauses.pause(caller, job.id)
    first = paused_an_hour_ago(connection, job)

    if by_put:
        resumed = jobs.update(caller, job.id, replace(booking(QUARTERLY), misfire=misfire), Echo())
    else:
        resumed = pauses.resume(caller, job.id)
    assert resumed.next_at == first
    assert jobs.get(caller, job.id) == resumed
    (run,) = claim_and_take(connection)

    assert (run.due_at, run.job_version) == (first, 3)
    assert run.missed - missed in (0, 1)
    following = jobs.get(caller, job.id).next_at
    expected = first + timedelta(minutes=15) if misfire == ALL else job.next_at
    assert following is not None
    assert following - (expected or first) in (timedelta(), timedelta(minutes=15))


def test_where_all_that_was_missed_is_too_late_a_job_goes_on_with_its_next_firing(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, replace(booking(QUARTERLY), misfire=SKIP))
    pauses.pause(caller, job.id)
    paused_an_hour_ago(connection, job)
    now = next_after(QUARTERLY, caller.now - timedelta(hours=1)) or caller.now
    later = replace(caller, now=now + timedelta(minutes=1))

    resumed = pauses.resume(later, job.id)

    assert resumed.next_at == now + timedelta(minutes=15)


def test_with_another_schedule_nothing_was_missed(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, booking(QUARTERLY))
    pauses.pause(caller, job.id)
    paused_an_hour_ago(connection, job)

    resumed = jobs.update(caller, job.id, booking(Cron(expression="0 0/20 * * * ?")), Echo())

    assert resumed.next_at is not None
    assert resumed.next_at > caller.now


@pytest.mark.parametrize("settled", [False, True])
def test_a_firing_made_in_spite_of_a_pause_was_not_missed(
    caller: Caller, connection: psycopg.Connection, *, settled: bool
) -> None:
    job = jobs.create(caller, booking(QUARTERLY))
    due_now(connection, job)
    (run,) = claim_and_take(connection)
    pauses.pause(caller, job.id)
    # As if it had been paused just before the instant, with the run already taken.
    instant = paused_an_hour_ago(connection, job)
    connection.execute("UPDATE inflight SET due_at = %s, send_at = %s", (instant, instant))
    if settled:
        settle(connection, [came(run)])

    assert pauses.resume(caller, job.id).next_at == instant + timedelta(minutes=15)


def test_a_run_withdrawn_ahead_of_its_time_is_made_when_resumed(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, booking(QUARTERLY))
    due_now(connection, job)
    claim_and_take(connection)
    connection.execute("UPDATE inflight SET due_at = %s, send_at = %s", (job.next_at, job.next_at))
    pauses.pause(caller, job.id)

    assert pauses.resume(caller, job.id).next_at == job.next_at


def test_a_recurring_job_is_resumed_with_its_next_firing(caller: Caller) -> None:
    job = jobs.create(caller, booking(QUARTERLY))
    pauses.pause(caller, job.id)

    resumed = pauses.resume(caller, job.id)

    assert (resumed.enabled, resumed.version, resumed.next_at) == (True, 3, job.next_at)
    assert jobs.get(caller, job.id) == resumed
    assert pauses.resume(caller, job.id) == resumed


@pytest.mark.parametrize("by_put", [False, True])
def test_a_one_time_job_whose_time_passed_while_paused_fires_late_at_once(
    caller: Caller, connection: psycopg.Connection, *, by_put: bool
) -> None:
    job = jobs.create(caller, booking())
    pauses.pause(caller, job.id)
    instant = let_pass(connection, job)

    if by_put:
        jobs.update(caller, job.id, booking(At(instant=instant), data=b"two"), Echo())
    else:
        pauses.resume(caller, job.id)
    (run,) = claim_and_take(connection)

    assert (run.due_at, run.data) == (instant, b"two" if by_put else b"one")
    settle(connection, [came(run)])
    with pytest.raises(NotFound):
        jobs.get(caller, job.id)


def test_a_firing_withdrawn_by_the_pause_is_made_when_resumed(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, booking())
    instant = let_pass(connection, job)
    (run,) = claim_and_take(connection)
    settle(connection, [came(run, None, 500)])
    pauses.pause(caller, job.id)
    end_all(connection)

    pauses.resume(caller, job.id)
    (again,) = claim_and_take(connection)

    assert (again.due_at, again.job_version) == (instant, 3)
    settle(connection, [came(again)])
    assert {run.state for run in runs.of_job(caller, job.id, limit=9)} == {
        RunState.SUCCEEDED,
        RunState.CANCELLED,
    }


@pytest.mark.parametrize("by_put", [False, True])
@pytest.mark.parametrize("settled", [False, True])
def test_a_firing_that_was_made_all_the_same_is_not_made_twice(
    caller: Caller, connection: psycopg.Connection, *, by_put: bool, settled: bool
) -> None:
    job = jobs.create(caller, booking())
    instant = let_pass(connection, job)
    (run,) = claim_and_take(connection)
    paused = pauses.pause(caller, job.id)
    if settled:
        settle(connection, [came(run)])

    def resume() -> None:
        if by_put:
            jobs.update(caller, job.id, booking(At(instant=instant)), Echo())
        else:
            pauses.resume(caller, job.id)

    with pytest.raises(Conflict, match="made already"):
        resume()

    assert jobs.get(caller, job.id) == replace(paused, trigger=At(instant=instant))
    assert jobs.update(caller, job.id, booking(), Echo()).next_at == TOMORROW.instant


def test_an_instant_that_has_passed_is_no_hindrance_to_a_pause_by_put(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, booking())
    instant = let_pass(connection, job)

    paused = jobs.update(caller, job.id, booking(At(instant=instant), enabled=False), Echo())

    assert not paused.enabled
    another = booking(At(instant=instant - timedelta(seconds=1)))
    with pytest.raises(InvalidMember, match="not in the future"):
        jobs.update(caller, job.id, another, Echo())


def test_a_schedule_that_ended_while_paused_cannot_be_resumed(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, booking(Cron(expression="0 0 0 1 1 ? 2090"), enabled=False))
    connection.execute("""
        UPDATE job SET trigger = '{"kind": "cron", "expression": "0 0 0 1 1 ? 2020"}'
        """)

    with pytest.raises(Conflict, match="never fires again"):
        pauses.resume(caller, job.id)
    assert not jobs.get(caller, job.id).enabled


def test_a_call_by_hand_leaves_the_schedule_as_it_is(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, booking())

    run_id = pauses.fire(caller, job.id)
    (taken,) = look_and_take(connection)

    assert (taken.id, taken.data) == (run_id, b"one")
    assert 0 < taken.remaining <= 0.2
    settle(connection, [came(taken)])
    run = runs.get(caller, run_id)
    assert (run.kind, run.state) == (RunKind.MANUAL, RunState.SUCCEEDED)
    assert jobs.get(caller, job.id) == job


def test_a_paused_job_is_called_by_hand_and_stays_paused(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, booking(enabled=False))

    pauses.fire(caller, job.id)
    (taken,) = look_and_take(connection)
    settle(connection, [came(taken)])

    assert jobs.get(caller, job.id) == job


def test_a_job_whose_firing_was_settled_first_ends_with_the_call_by_hand(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, booking())
    pauses.fire(caller, job.id)
    (by_hand,) = look_and_take(connection)
    due_now(connection, job)
    (scheduled,) = claim_and_take(connection)

    settle(connection, [came(scheduled)])
    assert jobs.get(caller, job.id).next_at is None
    settle(connection, [came(by_hand)])

    with pytest.raises(NotFound):
        jobs.get(caller, job.id)
    assert rearm_orphans(connection, limit=9, unreadable=lambda *_: None) == 0


def test_an_update_leaves_a_call_by_hand_and_the_schedule_of_the_new_version(
    caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(caller, booking(QUARTERLY))
    pauses.fire(caller, job.id)

    updated = jobs.update(caller, job.id, booking(QUARTERLY, data=b"two"), Echo())
    (taken,) = look_and_take(connection)

    assert (taken.data, taken.job_version) == (b"one", 1)
    assert updated.next_at == job.next_at


def test_a_call_by_hand_stands_for_no_firing_of_a_new_version(
    caller: Caller, connection: psycopg.Connection
) -> None:
    now = datetime.now(UTC)
    quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    job = jobs.create(caller, booking(QUARTERLY))
    pauses.fire(caller, job.id)
    by_hand = quarter + timedelta(milliseconds=100)
    connection.execute("UPDATE inflight SET due_at = %s, send_at = %s", (by_hand, by_hand))

    just_before = replace(caller, now=quarter - timedelta(milliseconds=50))
    updated = jobs.update(just_before, job.id, booking(QUARTERLY, data=b"two"), Echo())

    assert updated.next_at == quarter


def test_deleting_withdraws_a_call_by_hand(caller: Caller, connection: psycopg.Connection) -> None:
    job = jobs.create(caller, booking())
    run_id = pauses.fire(caller, job.id)

    jobs.delete(caller, job.id)

    end_all(connection)
    assert runs.get(caller, run_id).state is RunState.CANCELLED


def test_another_accounts_job_is_neither_paused_nor_called(caller: Caller) -> None:
    theirs = accounts.authenticate(accounts.create("theirs"), account=None)
    job = jobs.create(caller, booking())
    for job_id in (job.id, UUID(int=uuid7().int)):
        for call in (pauses.pause, pauses.resume, pauses.fire):
            with pytest.raises(NotFound, match=str(job_id)):
                call(theirs, job_id)
    assert jobs.get(caller, job.id) == job
