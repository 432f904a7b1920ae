"""Events beside what becomes of the job, and as runs of the account."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.run import RunKind, RunState
from app.domain.run_filter import RunFilter
from app.domain.trigger import Trigger
from app.errors import NotFound
from app.service import completions, jobs, pauses, runs
from app.service.context import Context
from app.store.rescue import check
from app.store.settling import settle
from app.store.takes import Taken
from tests.factories import claim_and_take, one
from tests.service.listed import of_account
from tests.service.test_completions import DONE, LOST
from tests.service.test_jobs import QUARTERLY, TOMORROW, booking, due_now
from tests.store.test_completions import later
from tests.store.test_events import EVENTS, reporting_settlement, take_event

URL = "http://127.0.0.1:2/events"


def begin(
    context: Context, caller: Caller, connection: psycopg.Connection, trigger: Trigger = TOMORROW
) -> Taken:
    """Begin a run of a job that wants events of all its ends."""
    job = jobs.create(context, caller, replace(booking(trigger), on_success=URL, on_failure=URL))
    due_now(connection, job)
    (run,) = claim_and_take(connection)
    return run


def events(context: Context, caller: Caller, run: Taken) -> list[RunState]:
    wanted = RunFilter(states=frozenset(RunState), job_id=run.id)
    return [each.state for each in of_account(context, caller, wanted)]


@pytest.mark.parametrize("end", ["pause", "delete"])
def test_what_becomes_of_the_job_stops_no_event(
    context: Context, caller: Caller, connection: psycopg.Connection, end: str
) -> None:
    run = begin(context, caller, connection, QUARTERLY)
    settle(connection, [reporting_settlement(run)])

    {"pause": pauses.pause, "delete": jobs.delete}[end](context, caller, run.job_id)

    assert take_event(connection).url == URL


def test_an_event_cannot_be_deleted_by_the_id_of_its_run(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    run = begin(context, caller, connection)
    settle(connection, [reporting_settlement(run)])

    with pytest.raises(NotFound):
        jobs.delete(context, caller, run.id)
    assert take_event(connection).url == URL


def test_a_completion_makes_one_event(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    run = begin(context, caller, connection)
    settle(connection, [later(run)])

    for _ in range(2):
        completions.complete(context, run.id, DONE, account_id=None)

    assert one(connection, EVENTS) == 1
    assert events(context, caller, run) == [RunState.CLAIMED]


def test_a_redelivered_run_makes_another_event(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    run = begin(context, caller, connection, QUARTERLY)
    settle(connection, [later(run)])
    completions.complete(context, run.id, LOST, account_id=None)
    settle(connection, [reporting_settlement(take_event(connection))])
    runs.redeliver(context, caller, run.id)
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    to_notify = check(connection, limit=10, leases_count=True).to_notify
    assert [each.run_id for each in to_notify] == [run.id]
    connection.execute(
        "UPDATE inflight SET state = 'taken', lease_until = now() WHERE id = %s", (run.id,)
    )

    settle(connection, [reporting_settlement(run)._replace(token=to_notify[0].token)])

    assert events(context, caller, run) == [RunState.CLAIMED, RunState.SUCCEEDED]


def test_an_event_is_a_run_that_can_be_sent_again(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    run = begin(context, caller, connection)
    settle(connection, [reporting_settlement(run)])
    event = take_event(connection)
    settle(connection, [reporting_settlement(event, RunState.FAILED, 500)])

    again = runs.redeliver(context, caller, event.id)

    assert (again.kind, again.state, again.job_id) == (RunKind.EVENT, RunState.CLAIMED, run.id)
