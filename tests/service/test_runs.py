"""Runs: shown while they are under way and afterwards, only to their account."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from uuid6 import uuid7

from app.domain.account import Caller
from app.domain.run import RunState
from app.errors import NotFound
from app.service import accounts, jobs, runs
from app.service.context import Context
from app.store.rescue import check
from app.store.settling import settle
from app.store.takes import take
from tests.factories import claim_and_take
from tests.service.listed import of_job
from tests.service.test_jobs import booking, due_now
from tests.store.test_settling import settlement_of


def test_a_run_is_shown_from_claim_to_history(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    assert of_job(context, caller, job.id) == ()
    due_now(connection, job)
    (taken,) = claim_and_take(connection)
    assert runs.get(context, caller, taken.id).state is RunState.TAKEN

    settle(connection, [settlement_of(taken, None, 503)])
    (waiting,) = of_job(context, caller, job.id)
    assert waiting.state is RunState.WAITING
    assert waiting.next_attempt_at is not None
    assert [attempt.reply.status for attempt in waiting.attempts] == [503]

    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    to_notify = check(connection, limit=10, leases_count=True).to_notify
    (again,) = take(connection, [(each.run_id, each.token) for each in to_notify])
    done = settlement_of(again)
    settle(connection, [done])
    (settled,) = of_job(context, caller, job.id)
    assert settled.state is RunState.SUCCEEDED
    assert [attempt.number for attempt in settled.attempts] == [1, 2]
    first = settled.attempts[0].reply
    assert first.headers == (("Server", "test"),)
    assert first.timing.first_byte == 1.0
    assert runs.get(context, caller, taken.id) == settled


def test_only_the_newest_runs_are_listed(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    for ago in (30, 20, 10):
        due_now(connection, job, ago=ago)
        claim_and_take(connection)

    listed = of_job(context, caller, job.id, limit=2)

    assert len(listed) == 2
    assert listed[0].due_at > listed[1].due_at


def test_a_run_of_another_account_is_answered_as_an_unknown_one(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    theirs = accounts.authenticate(context, accounts.create(context, "theirs"), account=None)
    job = jobs.create(context, caller, booking())
    due_now(connection, job)
    (taken,) = claim_and_take(connection)

    for run_id in (taken.id, UUID(int=uuid7().int)):
        with pytest.raises(NotFound, match=str(run_id)):
            runs.get(context, theirs, run_id)
    with pytest.raises(NotFound):
        of_job(context, theirs, job.id)
