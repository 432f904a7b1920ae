"""Redelivery of runs whose job was deleted or has ended: what content is kept, and until when."""

from __future__ import annotations

from functools import partial

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.job import ReadOnlyMembers
from app.domain.run import RunState
from app.errors import Conflict, NotFound
from app.service import jobs, runs
from app.service.context import Context
from app.store.orphans import rearm_orphans
from app.store.settling import settle
from tests.factories import connect, in_thread, one, wait_until_blocked
from tests.service.test_jobs import QUARTERLY, TOMORROW, booking
from tests.service.test_pauses import end_all
from tests.service.test_redelivery import fail, take_again
from tests.store.test_settling import settlement_of


def test_a_job_that_ended_well_leaves_nothing_to_send(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    done = fail(caller, connection, jobs.create(context, caller, booking()), RunState.SUCCEEDED)

    assert one(connection, "SELECT count(*) FROM superseded") == 0
    with pytest.raises(Conflict, match="no longer kept"):
        runs.redeliver(context, caller, done.id)
    assert runs.get(context, caller, done.id).state is RunState.SUCCEEDED


def test_deleting_a_job_takes_the_content_of_its_runs_along(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    failed = fail(caller, connection, job)
    jobs.update(context, caller, job.id, booking(QUARTERLY, data=b"two"), ReadOnlyMembers())

    jobs.delete(context, caller, job.id)

    with pytest.raises(Conflict, match="no longer kept"):
        runs.redeliver(context, caller, failed.id)


@pytest.mark.parametrize("trigger", [TOMORROW, QUARTERLY], ids=["gone", "standing"])
def test_deleting_a_job_stops_what_is_sent_again(
    context: Context, caller: Caller, connection: psycopg.Connection, trigger: object
) -> None:
    job = jobs.create(context, caller, booking(trigger))  # type: ignore[arg-type] # a trigger
    failed = fail(caller, connection, job)
    runs.redeliver(context, caller, failed.id)

    jobs.delete(context, caller, job.id)

    end_all(connection)
    assert runs.get(context, caller, failed.id).state is RunState.CANCELLED
    with pytest.raises(NotFound):
        jobs.delete(context, caller, job.id)


def test_a_delete_that_comes_first_leaves_nothing_to_send(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    failed = fail(caller, connection, job)
    with connect(database) as holder, holder.transaction():
        holder.execute("SELECT FROM due WHERE job_id = %s FOR UPDATE", (job.id,))
        with in_thread(partial(jobs.delete, context, caller, job.id)) as deleted:
            wait_until_blocked(connection)
            with in_thread(partial(runs.redeliver, context, caller, failed.id)) as redelivered:
                wait_until_blocked(connection, 2)
                holder.execute("COMMIT")
                deleted()
                with pytest.raises(Conflict, match="no longer kept"):
                    redelivered()
                holder.execute("BEGIN")

    assert one(connection, "SELECT count(*) FROM inflight") == 0


def test_a_job_is_not_purged_while_a_run_of_it_is_sent_again_and_is_afterwards(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    connection.execute("UPDATE job SET enabled = false")
    failed = fail(caller, connection, job)
    connection.execute("UPDATE job SET enabled = true")
    runs.redeliver(context, caller, failed.id)

    assert rearm_orphans(connection, limit=9, unreadable=lambda *_: None) == (0, 0)
    assert jobs.get(context, caller, job.id).id == job.id
    settle(connection, [settlement_of(take_again(connection))])

    with pytest.raises(NotFound):
        jobs.get(context, caller, job.id)
