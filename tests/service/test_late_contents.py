"""What a run sent that was due long before its job was made, once the job is overwritten."""

from __future__ import annotations

from datetime import datetime

import psycopg

from app.api.dapr import bookings
from app.api.dapr.documents import JobDocument
from app.domain.account import Caller
from app.domain.job import Booking
from app.domain.run import RunState
from app.service import runs
from app.service.context import Context
from app.service.dapr import jobs as dapr_jobs
from app.store.settling import settle
from tests.factories import claim_and_take, one
from tests.store.test_settling import settlement_of


def test_it_is_kept_for_a_run_that_is_sent_again(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    def judge(now: datetime) -> tuple[Booking, datetime]:
        document = JobDocument(schedule="@every 8760h", due_time="2020-01-02T00:00:00Z")
        return bookings.make_booking("shop", "tidy", document, now)

    dapr_jobs.book(context, caller, judge)
    (run,) = claim_and_take(connection)
    assert run.due_at.year == 2020
    settle(connection, [settlement_of(run, RunState.FAILED, 500)])

    dapr_jobs.book(context, caller, judge, overwrite=True)

    assert one(connection, "SELECT count(*) FROM superseded WHERE job_id = %s", run.job_id) == 1
    assert runs.redeliver(context, caller, run.id).id == run.id
