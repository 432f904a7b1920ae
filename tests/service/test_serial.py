"""Serial jobs for their account: fired by hand, paused and replaced, sent again; no overlap."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.job import Booking, Dialect, Job
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.run import RunKind, RunState
from app.domain.run_filter import RunFilter
from app.errors import Conflict
from app.service import jobs, manual_calls, pauses, runs
from app.service.context import Context
from app.store import jobs as store
from app.store import runs_under_way
from app.store.database import driver_of
from app.store.rescue import check
from app.store.settling import settle
from app.store.takes import Taken, take
from tests.factories import claim_all, claim_and_take, in_seconds, one
from tests.service.test_runs_under_way import allow
from tests.store.test_serial import due_of, ended, every_minute
from tests.store.test_settling import settlement_of

EVERY_MINUTE = Booking(
    url="/",
    trigger=every_minute(in_seconds(-90)),
    name="datasource:a",
    dialect=Dialect.FUSION,
    endpoint="datasource",
    written={},
    misfire=Misfire(policy=MisfirePolicy.ALL),
)


def book(context: Context, caller: Caller, booking: Booking = EVERY_MINUTE) -> Job:
    """A Fusion job with a firing a minute and a half ago, and one half a minute ago."""
    job_id = UUID(int=7)
    with context.database.transaction() as connection:
        store.insert_job(
            driver_of(connection),
            job_id=job_id,
            account_id=caller.account.id,
            booking=booking,
            next_at=in_seconds(-90),
        )
    return jobs.get(context, caller, job_id)


def taken_by_hand(connection: psycopg.Connection) -> list[Taken]:
    connection.execute("UPDATE inflight SET look_at = now() WHERE state = 'claimed'")
    to_notify = check(connection, limit=10, leases_count=True).to_notify
    return take(connection, [(each.run_id, each.token) for each in to_notify])


def test_a_job_is_shown_as_it_was_booked(context: Context, caller: Caller) -> None:
    booked = book(context, caller)

    assert booked.booking == EVERY_MINUTE


def test_a_call_by_hand_that_would_overlap_is_refused_for_that_at_the_limit_as_well(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = book(context, caller)
    claim_and_take(connection)
    allow(context, caller, 1)
    assert runs_under_way.count_all(connection)

    with pytest.raises(Conflict, match="must not overlap"):
        manual_calls.call_now(context, caller, job.id)


def test_a_call_by_hand_waits_for_none_and_overlaps_none(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = book(context, caller)
    (run,) = claim_and_take(connection)
    held = due_of(connection, job.id)[1]

    with pytest.raises(Conflict, match=str(run.id)):
        manual_calls.call_now(context, caller, job.id)
    settle(connection, [ended(run)])
    run_id = manual_calls.call_now(context, caller, job.id)

    assert due_of(connection, job.id) == (None, held)
    assert claim_all(connection) == []
    (by_hand,) = taken_by_hand(connection)
    assert (by_hand.id, by_hand.kind, by_hand.ends_job) == (run_id, RunKind.MANUAL, False)
    settle(connection, [ended(by_hand)])
    assert due_of(connection, job.id) == (held, None)


def test_a_run_is_sent_again_when_no_other_is_under_way(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = book(context, caller)
    for _ in range(2):
        (run,) = claim_and_take(connection)
        settle(connection, [ended(run)])
    failed = RunFilter(states=frozenset({RunState.FAILED}))
    held = due_of(connection, job.id)[0]

    again = runs.redeliver_all(context, caller, failed, after=None)

    assert again.count == 1
    assert one(connection, "SELECT count(*) FROM inflight") == 1
    assert due_of(connection, job.id) == (None, held)
    with pytest.raises(Conflict, match="must not overlap"):
        runs.redeliver(context, caller, run.id)


def test_a_job_that_is_replaced_goes_on_after_the_call_under_way(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = book(context, caller)
    (run,) = claim_and_take(connection)
    later = in_seconds(500)

    with context.database.transaction() as web:
        current = jobs.get_locked(web, caller, job.id)
        store.update_job(driver_of(web), current, current.booking, later)

    assert due_of(connection, job.id) == (None, later)
    settle(connection, [ended(run)])
    assert due_of(connection, job.id) == (later, None)


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.CANCELLED])
def test_a_job_that_is_resumed_waits_for_the_run_that_was_under_way_at_its_pause(
    context: Context, caller: Caller, connection: psycopg.Connection, state: RunState
) -> None:
    job = book(context, caller)
    (run,) = claim_and_take(connection)

    pauses.pause(context, caller, job.id)
    assert due_of(connection, job.id) == (None, None)
    resumed = pauses.resume(context, caller, job.id)

    assert resumed.next_at is not None
    assert due_of(connection, job.id) == (None, resumed.next_at)
    attempt = None if state is RunState.CANCELLED else settlement_of(run).attempt
    settle(connection, [ended(run)._replace(state=state, attempt=attempt)])
    assert due_of(connection, job.id) == (resumed.next_at, None)
