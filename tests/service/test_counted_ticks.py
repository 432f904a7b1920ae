"""Counted ticks: a Dapr job with `repeats` makes that many calls, however often it is paused."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import psycopg
import pytest

from app.api.dapr.bookings import make_booking
from app.api.dapr.documents import JobDocument
from app.domain.account import Caller
from app.domain.circuit_breaker import BlockReason
from app.domain.instants import format_utc
from app.domain.job import Booking, Job
from app.domain.run import RunState
from app.errors import Conflict, NotFound
from app.service import jobs, pauses, runs
from app.service.context import Context
from app.service.dapr import jobs as dapr_jobs
from app.store.parking import Parking, park
from app.store.rescue import check
from app.store.settling import Settlement, settle
from app.store.takes import Taken, take
from tests.factories import claim_all, claim_and_take, in_seconds, one
from tests.store.test_settling import settlement_of
from tests.store.test_ticks import STEP, book, called, history

WITHDRAWN: Final = RunState.CANCELLED
AHEAD: Final = 5.0
"""Seconds until a tick is due that is claimed now: enough to learn of a pause before it."""

AS_FAR: Final = AHEAD + 1.0


def ended(run: Taken, state: RunState | None = RunState.SUCCEEDED) -> Settlement:
    """The settlement of a run, of which a call was made unless it was withdrawn."""
    made = settlement_of(run, state)._replace(serial=run.serial)
    return made._replace(attempt=None, reason=None) if state is RunState.CANCELLED else made


def end_all(connection: psycopg.Connection) -> None:
    """Settle what was withdrawn while no worker held it."""
    settle(connection, check(connection, limit=10, leases_count=True).ended)


def toggle(context: Context, caller: Caller, job_id: UUID) -> Job:
    """Pause the job, and resume it at once."""
    pauses.pause(context, caller, job_id)
    return pauses.resume(context, caller, job_id)


def overwrite(context: Context, caller: Caller) -> None:
    """Book the job anew, with seven ticks from tomorrow on."""

    def judge(now: datetime) -> tuple[Booking, datetime]:
        document = JobDocument(schedule="@every 10ms", due_time="24h", repeats=7)
        return make_booking("app", "a", document, now)

    dapr_jobs.book(context, caller, judge, overwrite=True)


def remaining(connection: psycopg.Connection, job_id: UUID) -> int:
    left: int = one(connection, "SELECT remaining FROM due WHERE job_id = %s", job_id)
    return left


def end_in(connection: psycopg.Connection, seconds: float) -> None:
    """Let the `ttl` of the job end in so many seconds."""
    until = "UPDATE job SET trigger = trigger || jsonb_build_object('until', %s::text)"
    connection.execute(until, [format_utc(in_seconds(seconds))])


def calls_to_the_end(connection: psycopg.Connection, job_id: UUID) -> int:
    """Call all that is left of the job, tick after tick; how many ticks that were."""
    calls = 0
    while one(connection, "SELECT count(*) FROM job WHERE id = %s", job_id):
        connection.execute(
            "UPDATE due SET next_at = least(next_at, clock_timestamp()) WHERE job_id = %s",
            [job_id],
        )
        (run,) = claim_and_take(connection)
        further = run.further or [None]
        settle(connection, [called(run, len(further) - 1) if run.further else ended(run)])
        calls += len(further)
        assert calls < 1000, "it never ends"
    return calls


@pytest.mark.parametrize("is_resumed_before", [False, True])
def test_further_ticks_that_were_called_during_a_pause_are_counted(
    context: Context, caller: Caller, connection: psycopg.Connection, *, is_resumed_before: bool
) -> None:
    job_id = book(connection, caller.account.id, late=5.0, remaining=100)
    (run,) = claim_and_take(connection)
    if is_resumed_before:
        toggle(context, caller, job_id)
    else:
        pauses.pause(context, caller, job_id)
    settle(connection, [called(run, 9)])
    if not is_resumed_before:
        pauses.resume(context, caller, job_id)

    assert remaining(connection, job_id) == 90
    assert 10 + calls_to_the_end(connection, job_id) == 100


def test_a_resumed_job_waits_for_the_run_that_is_under_way(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, late=5.0, remaining=100)
    (run,) = claim_and_take(connection)
    resumed = toggle(context, caller, job_id)

    assert jobs.get(context, caller, job_id).next_at == resumed.next_at
    assert claim_all(connection) == []
    settle(connection, [called(run, 9)])
    assert len(claim_all(connection)) == 1


def test_a_resumed_job_goes_on_after_the_ticks_that_were_called_after_its_pause(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, late=0.0)
    (run,) = claim_and_take(connection)
    toggle(context, caller, job_id)
    number = len(run.further or ()) - 1
    settle(connection, [called(run, number)])

    last = run.due_at + number * STEP
    assert one(connection, "SELECT next_at FROM due WHERE job_id = %s", job_id) == last + STEP


def test_a_job_is_resumed_after_the_last_tick_that_was_called_after_its_pause(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, late=0.0)
    (run,) = claim_and_take(connection, ahead=5.0)
    pauses.pause(context, caller, job_id)
    number = len(run.further or ()) - 1
    succeeded = called(run, number, state=RunState.FAILED)._replace(state=RunState.SUCCEEDED)
    settle(connection, [succeeded])

    assert pauses.resume(context, caller, job_id).next_at == run.due_at + (number + 1) * STEP


def test_a_job_ends_with_the_last_tick_that_was_called_though_it_was_resumed_before(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, late=5.0, remaining=10)
    (run,) = claim_and_take(connection)
    toggle(context, caller, job_id)
    settle(connection, [called(run, 9)])

    with pytest.raises(NotFound):
        jobs.get(context, caller, job_id)
    assert one(connection, "SELECT count(*) FROM due") == 0


def test_a_job_ends_at_its_ttl_though_it_was_resumed_before_its_last_tick_was_stored(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, late=0.5)
    end_in(connection, 3.0)
    (run,) = claim_and_take(connection, ahead=4.0)
    further = run.further or []
    assert further[-1] is None
    toggle(context, caller, job_id)
    end_in(connection, -0.1)  # as if so much time had passed until the last tick was called
    settle(connection, [called(run, len(further) - 1)])

    with pytest.raises(NotFound):
        jobs.get(context, caller, job_id)


@pytest.mark.parametrize("is_taken", [False, True])
@pytest.mark.parametrize("is_resumed_before", [False, True])
@pytest.mark.parametrize("late", [-AHEAD, 5.0])
def test_a_tick_that_a_pause_withdrew_before_its_call_does_not_count(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    *,
    is_taken: bool,
    is_resumed_before: bool,
    late: float,
) -> None:
    job_id = book(connection, caller.account.id, late=late, remaining=2)
    (claimed,) = claim_all(connection, ahead=AS_FAR)
    taken = take(connection, [(claimed.run_id, claimed.token)] if is_taken else [])
    (toggle if is_resumed_before else pauses.pause)(context, caller, job_id)
    settle(connection, [ended(each, WITHDRAWN) for each in taken])
    end_all(connection)
    if not is_resumed_before:
        pauses.resume(context, caller, job_id)

    assert remaining(connection, job_id) == 2
    assert calls_to_the_end(connection, job_id) == 2


def test_the_last_tick_is_made_if_a_pause_withdrew_it(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, late=-AHEAD, remaining=1)
    (run,) = claim_and_take(connection, ahead=AS_FAR)
    resumed = toggle(context, caller, job_id)
    settle(connection, [ended(run, WITHDRAWN)])

    assert resumed.next_at == run.due_at
    assert calls_to_the_end(connection, job_id) == 1


def test_a_job_whose_last_tick_may_be_in_its_call_cannot_be_resumed_until_it_was_settled(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, late=1.0, remaining=1)
    (run,) = claim_and_take(connection)
    pauses.pause(context, caller, job_id)
    with pytest.raises(Conflict, match="never fires again"):
        pauses.resume(context, caller, job_id)
    settle(connection, [ended(run, WITHDRAWN)])

    pauses.resume(context, caller, job_id)
    assert calls_to_the_end(connection, job_id) == 1


def test_a_parked_tick_that_a_pause_withdrew_does_not_count(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, late=5.0, remaining=1)
    (run,) = claim_and_take(connection)
    parking = Parking(run.id, run.token, "http://127.0.0.1:2", 60.0, BlockReason.AWAY, "away")
    park(connection, [parking])
    toggle(context, caller, job_id)
    end_all(connection)

    assert calls_to_the_end(connection, job_id) == 1


@pytest.mark.parametrize("state", [None, RunState.FAILED, RunState.SUCCEEDED])
def test_a_tick_that_was_called_counts_whatever_came_of_it(
    context: Context, caller: Caller, connection: psycopg.Connection, state: RunState | None
) -> None:
    job_id = book(connection, caller.account.id, late=5.0, remaining=3)
    (run,) = claim_and_take(connection)
    toggle(context, caller, job_id)
    settle(connection, [ended(run, state)])
    end_all(connection)

    assert remaining(connection, job_id) == 2
    assert calls_to_the_end(connection, job_id) == 2


def test_of_a_row_of_ticks_the_one_that_was_withdrawn_does_not_count(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, late=5.0, remaining=20)
    (run,) = claim_and_take(connection)
    toggle(context, caller, job_id)
    interrupted = called(run, 4, state=WITHDRAWN)._replace(attempt=None, reason=None)
    settle(connection, [interrupted])

    # Those of number 0 to 3 were called.
    assert [row[4] for row in history(connection, job_id)] == ["4 ticks", "the job was paused"]
    assert remaining(connection, job_id) == 16
    assert 4 + calls_to_the_end(connection, job_id) == 20


def test_a_tick_that_is_sent_again_is_neither_counted_nor_returned_a_second_time(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, late=5.0, remaining=2)
    (run,) = claim_and_take(connection)
    pauses.pause(context, caller, job_id)
    settle(connection, [ended(run, WITHDRAWN)])
    for _ in range(2):
        runs.redeliver(context, caller, run.id)
        pauses.pause(context, caller, job_id)
        end_all(connection)
    pauses.resume(context, caller, job_id)

    assert calls_to_the_end(connection, job_id) == 2


@pytest.mark.parametrize("is_paused", [False, True])
@pytest.mark.parametrize("number", [0, 9])
def test_what_a_run_called_does_not_count_for_the_job_that_was_booked_anew(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    *,
    is_paused: bool,
    number: int,
) -> None:
    job_id = book(connection, caller.account.id, late=5.0, remaining=100)
    (run,) = claim_and_take(connection)
    if is_paused:
        pauses.pause(context, caller, job_id)
    overwrite(context, caller)
    settle(connection, [called(run, number) if number else ended(run, WITHDRAWN)])

    assert jobs.get(context, caller, job_id).booking.remaining == 7
    assert one(connection, "SELECT held_at FROM due") is None


def test_a_job_is_paused_and_resumed_again_and_again_while_its_run_is_under_way(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job_id = book(connection, caller.account.id, late=5.0, remaining=30)
    (run,) = claim_and_take(connection)
    for _ in range(3):
        toggle(context, caller, job_id)
    settle(connection, [called(run, 9)])

    assert 10 + calls_to_the_end(connection, job_id) == 30
