"""Resuming: which firings of a recurring job count as missed during its pause."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.job import Job, ReadOnlyMembers
from app.domain.misfire import DEFAULT, Misfire, MisfirePolicy
from app.domain.native.trigger import Cron
from app.domain.run import RunState
from app.domain.trigger import next_after
from app.service import arming, jobs, pauses
from app.service.context import Context
from app.store.settling import Settlement, settle
from app.store.takes import Taken
from tests.factories import claim_and_take, in_seconds
from tests.service.test_jobs import QUARTERLY, booking, due_now
from tests.store.test_settling import settlement_of


def paused_an_hour_ago(connection: psycopg.Connection, job: Job) -> datetime:
    """Let a job have got its version an hour ago; its first firing since."""
    paused_at = in_seconds(-3600)
    connection.execute("UPDATE job SET updated_at = %s WHERE id = %s", (paused_at, job.id))
    return next_after(job.booking.trigger, paused_at) or paused_at


ALL = Misfire(policy=MisfirePolicy.ALL)
SKIP = Misfire(policy=MisfirePolicy.SKIP, window=1)


@pytest.mark.parametrize("by_put", [False, True])
@pytest.mark.parametrize(("misfire", "missed"), [(DEFAULT, 3), (ALL, 0)])
def test_what_a_recurring_job_missed_while_paused_is_made_up_for_as_it_asks(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    misfire: Misfire,
    missed: int,
    *,
    by_put: bool,
) -> None:
    job = jobs.create(context, caller, replace(booking(QUARTERLY), misfire=misfire))
    pauses.pause(context, caller, job.id)
    first = paused_an_hour_ago(connection, job)

    if by_put:
        resumed = jobs.update(
            context, caller, job.id, replace(booking(QUARTERLY), misfire=misfire), ReadOnlyMembers()
        )
    else:
        resumed = pauses.resume(context, caller, job.id)
    assert resumed.next_at == first
    assert jobs.get(context, caller, job.id) == resumed
    (run,) = claim_and_take(connection)

    assert (run.due_at, run.job_version, run.precedes_version) == (first, 3, True)
    assert run.missed - missed in (0, 1)
    following = jobs.get(context, caller, job.id).next_at
    expected = first + timedelta(minutes=15) if misfire == ALL else job.next_at
    assert following is not None
    assert following - (expected or first) in (timedelta(), timedelta(minutes=15))


def test_where_all_that_was_missed_is_too_late_a_job_goes_on_with_its_next_firing(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = jobs.create(context, caller, replace(booking(QUARTERLY), misfire=SKIP))
    pauses.pause(context, caller, job.id)
    paused_an_hour_ago(connection, job)
    now = next_after(QUARTERLY, caller.now - timedelta(hours=1)) or caller.now
    later = now + timedelta(minutes=1)
    monkeypatch.setattr(pauses, "read_clock", lambda _connection: later)

    resumed = pauses.resume(context, caller, job.id)

    assert resumed.next_at == now + timedelta(minutes=15)


def test_the_version_that_resumes_decides_what_is_too_late(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, replace(booking(QUARTERLY), misfire=SKIP))
    pauses.pause(context, caller, job.id)
    first = paused_an_hour_ago(connection, job)

    assert (
        jobs.update(context, caller, job.id, booking(QUARTERLY), ReadOnlyMembers()).next_at == first
    )


def test_with_another_schedule_nothing_was_missed(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    pauses.pause(context, caller, job.id)
    paused_an_hour_ago(connection, job)

    resumed = jobs.update(
        context, caller, job.id, booking(Cron(expression="0 0/20 * * * ?")), ReadOnlyMembers()
    )

    assert resumed.next_at is not None
    assert resumed.next_at > caller.now


@pytest.mark.parametrize("settled", [False, True])
def test_a_firing_made_in_spite_of_a_pause_was_not_missed(
    context: Context, caller: Caller, connection: psycopg.Connection, *, settled: bool
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    due_now(connection, job)
    (run,) = claim_and_take(connection)
    pauses.pause(context, caller, job.id)
    # As if it had been paused just before the instant, with the run already taken.
    instant = paused_an_hour_ago(connection, job)
    connection.execute("UPDATE inflight SET due_at = %s, send_at = %s", (instant, instant))
    if settled:
        settle(connection, [settlement_of(run)])

    assert pauses.resume(context, caller, job.id).next_at == instant + timedelta(minutes=15)


def test_a_run_withdrawn_ahead_of_its_time_is_made_when_resumed(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    due_now(connection, job)
    claim_and_take(connection)
    connection.execute("UPDATE inflight SET due_at = %s, send_at = %s", (job.next_at, job.next_at))
    pauses.pause(context, caller, job.id)

    assert pauses.resume(context, caller, job.id).next_at == job.next_at


def test_what_is_due_after_a_resumption_was_not_missed_in_the_pause(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, replace(booking(QUARTERLY), enabled=False))
    pauses.resume(context, caller, job.id)
    # An hour later, which the schedulers were away.
    an_hour = timedelta(hours=1)
    for table, column in (("job", "updated_at"), ("due", "next_at")):
        key = "id" if table == "job" else "job_id"
        connection.execute(
            f"UPDATE {table} SET {column} = {column} - %s WHERE {key} = %s", (an_hour, job.id)
        )

    (run,) = claim_and_take(connection)

    assert (run.job_version, run.precedes_version) == (2, False)
    assert run.remaining < -1


def withdrawn(run: Taken) -> Settlement:
    """What its worker writes of a run that it did not call."""
    return settlement_of(run, RunState.CANCELLED)._replace(attempt=None, reason=None)


def taken_ahead(connection: psycopg.Connection, job: Job) -> Taken:
    """A run of the job that is due in five seconds, and that a worker holds."""
    due_now(connection, job)
    (run,) = claim_and_take(connection)
    due_at = in_seconds(5.0)
    connection.execute("UPDATE inflight SET due_at = %s, send_at = %s", (due_at, due_at))
    return run._replace(due_at=due_at)


@pytest.fixture
def uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker need so long to learn of a cancellation that it may call in five seconds."""
    monkeypatch.setattr(arming, "CANCEL_DEADLINE", timedelta(seconds=10))


@pytest.mark.parametrize("by_put", [False, True])
@pytest.mark.usefixtures("uncertain")
def test_a_firing_that_counted_as_made_and_was_withdrawn_is_made_after_all(
    context: Context, caller: Caller, connection: psycopg.Connection, *, by_put: bool
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    run = taken_ahead(connection, job)
    pauses.pause(context, caller, job.id)
    if by_put:
        jobs.update(context, caller, job.id, booking(QUARTERLY), ReadOnlyMembers())
    else:
        pauses.resume(context, caller, job.id)

    settle(connection, [withdrawn(run)])

    assert jobs.get(context, caller, job.id).next_at == run.due_at


@pytest.mark.usefixtures("uncertain")
def test_a_firing_that_was_withdrawn_does_not_come_back_to_another_schedule(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    run = taken_ahead(connection, job)
    pauses.pause(context, caller, job.id)
    another = booking(Cron(expression="0 0 0 1 1 ?"))
    changed = jobs.update(context, caller, job.id, another, ReadOnlyMembers())

    settle(connection, [withdrawn(run)])

    assert jobs.get(context, caller, job.id) == changed


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_firing_that_the_resumed_job_has_made_does_not_come_back(
    context: Context, caller: Caller, connection: psycopg.Connection, *, is_settled: bool
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    run = taken_ahead(connection, job)
    pauses.pause(context, caller, job.id)
    pauses.resume(context, caller, job.id)
    due_now(connection, job)
    (again,) = claim_and_take(connection)
    connection.execute(
        "UPDATE inflight SET due_at = %(due)s, send_at = %(due)s WHERE id = %(id)s",
        {"due": run.due_at, "id": again.id},
    )
    following = jobs.get(context, caller, job.id)
    if is_settled:
        settle(connection, [settlement_of(again)])

    settle(connection, [withdrawn(run)])

    assert jobs.get(context, caller, job.id) == following


def test_a_one_time_job_whose_run_cannot_be_called_any_more_is_resumed(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    instant = in_seconds(5.0)
    connection.execute("UPDATE due SET next_at = %s", (instant,))
    connection.execute(
        "UPDATE job SET trigger = jsonb_set(trigger, '{at}', to_jsonb(%s::text))",
        (instant.isoformat(),),
    )
    (run,) = claim_and_take(connection, ahead=6.0)
    pauses.pause(context, caller, job.id)

    assert pauses.resume(context, caller, job.id).next_at == instant
    settle(connection, [withdrawn(run)])
    (again,) = claim_and_take(connection, ahead=6.0)
    assert (again.due_at, again.job_version) == (instant, 3)
