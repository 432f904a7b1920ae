"""A request waited long for the lock of its job: what comes "after now" is judged afterwards.

The clock of the caller is the one read with the key. Here it is an hour old, as after a long wait.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest

from app.api.dapr import bookings
from app.api.dapr.documents import JobDocument
from app.api.fusion import schedule_document
from app.domain.account import Caller
from app.domain.fusion import resource
from app.domain.job import Booking, ReadOnlyMembers
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.run import RunState
from app.service import jobs, jobs_by_name, pauses
from app.service.context import Context
from app.service.dapr import jobs as dapr_jobs
from app.service.fusion import schedules
from app.store.settling import settle
from tests.factories import claim_and_take, one
from tests.service.test_jobs import QUARTERLY, booking
from tests.store.test_settling import settlement_of

MINUTELY = "0 * * * * ?"
SKIP = Misfire(policy=MisfirePolicy.SKIP, window=1)


@pytest.fixture
def stale(caller: Caller) -> Caller:
    return replace(caller, now=caller.now - timedelta(hours=1))


def expected(connection: psycopg.Connection) -> bool:
    """Whether the next firing of the only job is still to come."""
    return bool(one(connection, "SELECT next_at > clock_timestamp() FROM due"))


def test_an_update(
    context: Context, caller: Caller, stale: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))

    jobs.update(context, stale, job.id, booking(QUARTERLY, data=b"two"), ReadOnlyMembers())

    assert expected(connection)


def test_an_update_by_name(
    context: Context, caller: Caller, stale: Caller, connection: psycopg.Connection
) -> None:
    job = replace(booking(QUARTERLY), name="hourly")
    jobs_by_name.put(context, caller, job, ReadOnlyMembers())

    jobs_by_name.put(context, stale, replace(job, data=b"two"), ReadOnlyMembers())

    assert expected(connection)


def test_a_resumption(
    context: Context, caller: Caller, stale: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, replace(booking(QUARTERLY), misfire=SKIP))
    pauses.pause(context, caller, job.id)
    connection.execute("UPDATE job SET updated_at = updated_at - interval '1 hour'")

    pauses.resume(context, stale, job.id)

    assert expected(connection)


def scheduled(context: Context, caller: Caller, *expressions: str) -> None:
    of = resource.parse("datasource:movies")
    triggers = [{"type": "cron", "enabled": True, "value": each} for each in expressions]
    sent = schedule_document.parse({"triggers": triggers}, resource=of, now=caller.now)
    schedules.put(context, caller, of, sent, app=None)


def test_a_schedule_of_fusion(
    context: Context, caller: Caller, stale: Caller, connection: psycopg.Connection
) -> None:
    scheduled(context, caller, MINUTELY)

    scheduled(context, stale, MINUTELY, "0 30 * * * ?")

    assert expected(connection)


def test_a_new_schedule_of_fusion(
    context: Context, stale: Caller, connection: psycopg.Connection
) -> None:
    scheduled(context, stale, MINUTELY)

    assert expected(connection)


def test_a_dapr_job_that_is_overwritten(
    context: Context, caller: Caller, stale: Caller, connection: psycopg.Connection
) -> None:
    def judge(now: datetime) -> tuple[Booking, datetime]:
        document = JobDocument(schedule="0 */15 * * * *")
        return bookings.make_booking("shop", "tidy", document, now)

    dapr_jobs.book(context, caller, judge)

    dapr_jobs.book(context, stale, judge, overwrite=True)

    assert expected(connection)


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, None])
def test_a_firing_that_was_made_before_the_clock_was_set_back_is_not_made_again(
    context: Context, caller: Caller, connection: psycopg.Connection, state: RunState | None
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    assert job.next_at is not None
    # All that is to come within the quarter of an hour is claimed: as if the clock were as late.
    (run,) = claim_and_take(connection, ahead=1000.0)[:1]
    assert run.due_at == job.next_at
    if state is not None:
        settle(connection, [settlement_of(run, state)])

    updated = jobs.update(
        context, caller, job.id, booking(QUARTERLY, data=b"two"), ReadOnlyMembers()
    )

    withdrawn = one(connection, "SELECT count(*) FROM inflight WHERE cancelled_at IS NOT NULL")
    later = job.next_at + timedelta(minutes=15)
    assert updated.next_at == (job.next_at if withdrawn else later)
    assert withdrawn == (state is None)
