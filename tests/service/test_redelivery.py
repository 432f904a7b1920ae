"""Redelivery: the same run again, once, with its content, by the rules of the first time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from uuid6 import uuid7

from app.domain.account import Caller
from app.domain.call_options import CallOptions
from app.domain.job import Job, ReadOnlyMembers
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.native.trigger import Cron
from app.domain.run import SETTLED, Position, Run, RunState
from app.domain.run_filter import RunFilter
from app.domain.trigger import Trigger
from app.errors import Conflict, LimitReached, NotFound
from app.service import accounts, jobs, pauses, runs
from app.service.context import Context
from app.store import redelivery, runs_under_way
from app.store.database import driver_of
from app.store.redelivery import Candidate
from app.store.rescue import check
from app.store.settling import settle
from app.store.single_settling import settle_singly_if_needed
from app.store.takes import Taken, take
from tests.factories import claim_and_take, connect, in_thread, one, wait_until_blocked
from tests.service.listed import of_account, of_job
from tests.service.test_jobs import QUARTERLY, TOMORROW, booking, due_now
from tests.service.test_runs_under_way import allow
from tests.store.test_settling import settlement_of

UNSUCCESSFUL = frozenset({RunState.FAILED, RunState.DEAD})
ALL = RunFilter(states=UNSUCCESSFUL)


def fail(
    caller: Caller, connection: psycopg.Connection, job: Job, state: RunState = RunState.FAILED
) -> Taken:
    """Let the job have fired now, in vain."""
    due_now(connection, job)
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run, state, 204 if state is RunState.SUCCEEDED else 500)])
    return run


def take_again(connection: psycopg.Connection) -> Taken:
    """What was taken up, rung for and taken."""
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    to_notify = check(connection, limit=10, leases_count=True).to_notify
    (run,) = take(connection, [(each.run_id, each.token) for each in to_notify])
    return run


def ids(found: Sequence[Run]) -> list[UUID]:
    return [run.id for run in found]


def test_a_failed_run_of_a_job_that_is_gone_is_sent_again_as_it_was(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(data=b"precious"))
    failed = fail(caller, connection, job)
    with pytest.raises(NotFound):
        jobs.get(context, caller, job.id)

    taken_up = runs.redeliver(context, caller, failed.id)

    assert (taken_up.id, taken_up.state) == (failed.id, RunState.CLAIMED)
    assert [attempt.number for attempt in taken_up.attempts] == [1]
    again = take_again(connection)
    assert (again.id, again.data, again.due_at) == (failed.id, b"precious", failed.due_at)
    assert (again.attempts, again.attempts_before_redelivery) == (1, 1)
    assert 0 < again.remaining <= 0.2
    settle(connection, [settlement_of(again)])
    settled = runs.get(context, caller, failed.id)
    assert (settled.state, settled.reason) == (RunState.SUCCEEDED, None)
    assert [attempt.number for attempt in settled.attempts] == [1, 2]
    assert ids(of_job(context, caller, job.id)) == [failed.id]


OPTIONS = CallOptions(method="PUT", headers=(("X-Shop", "7"),), timeout=2.5)
KEPT = (
    "SELECT manner IS NOT NULL, on_success, on_failure FROM superseded WHERE job_id = %s"
    " AND version = 1"
)


@pytest.mark.parametrize("end", ["failure", "gone", "update", "pause", "too late"])
def test_whatever_keeps_content_keeps_the_call_options_with_it(
    context: Context, caller: Caller, connection: psycopg.Connection, end: str
) -> None:
    trigger: Trigger = TOMORROW if end == "failure" else QUARTERLY
    if end == "too late":
        trigger = Cron(expression="0 0 0 1 1 ? 2090")
    asked = replace(
        booking(trigger),
        call_options=OPTIONS,
        misfire=Misfire(policy=MisfirePolicy.SKIP),
        on_success="https://example.com/y",
        on_failure="https://example.com/n",
    )
    job = jobs.create(context, caller, asked)
    if end == "too late":
        connection.execute(
            "UPDATE job SET trigger = jsonb_set(trigger, '{expression}', %s)",
            ('"0 0 0 1 1 ? 2020"',),
        )
        connection.execute("UPDATE due SET next_at = '2020-01-01T00:00:00Z'")
        assert claim_and_take(connection) == []
        run_id = one(connection, "SELECT id FROM run WHERE state = 'cancelled'")
    else:
        due_now(connection, job)
        (run,) = claim_and_take(connection)
        run_id = run.id
        settle(connection, [settlement_of(run, RunState.FAILED, 500)._replace(gone=end == "gone")])
    if end == "update":
        jobs.update(context, caller, job.id, booking(QUARTERLY, data=b"two"), ReadOnlyMembers())
    elif end == "pause":
        pauses.pause(context, caller, job.id)

    row = connection.execute(KEPT, (job.id,)).fetchone()
    assert row == (True, asked.on_success, asked.on_failure)
    runs.redeliver(context, caller, run_id)
    assert take_again(connection).call_options == OPTIONS


def test_a_redelivery_that_fails_is_listed_again_and_can_be_repeated(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    failed = fail(caller, connection, jobs.create(context, caller, booking()))
    for number in (2, 3):
        runs.redeliver(context, caller, failed.id)
        again = take_again(connection)
        settle(connection, [settlement_of(again, None, 500)])
        assert runs.get(context, caller, failed.id).state is RunState.WAITING
        last = take_again(connection)
        assert (
            last.attempts_before_redelivery
            == again.attempts_before_redelivery
            == (number - 2) * 2 + 1
        )
        settle(connection, [settlement_of(last, RunState.FAILED, 500)])
    settled = runs.get(context, caller, failed.id)
    assert settled.state is RunState.FAILED
    assert [attempt.number for attempt in settled.attempts] == [1, 2, 3, 4, 5]


def test_a_worker_that_held_the_run_before_its_redelivery_settles_nothing(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    due_now(connection, job)
    (lost,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET lease_until = clock_timestamp() - interval '1 s'")
    holder = take_again(connection)
    settle(connection, [settlement_of(holder, RunState.FAILED, 500)])

    runs.redeliver(context, caller, lost.id)
    again = take_again(connection)

    assert again.token > holder.token > lost.token
    for old in (lost, holder):
        assert settle_singly_if_needed(connection, [settlement_of(old)]).done == ()
    assert runs.get(context, caller, lost.id).state is RunState.TAKEN


def test_a_run_that_the_release_before_settled_goes_on_above_any_token_it_used(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    failed = fail(caller, connection, jobs.create(context, caller, booking()))
    connection.execute("UPDATE run SET token = NULL")

    runs.redeliver(context, caller, failed.id)

    assert take_again(connection).token > 1000


def test_two_redeliveries_at_once_send_it_once(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    failed = fail(caller, connection, jobs.create(context, caller, booking()))

    def redeliver() -> object:
        try:
            return runs.redeliver(context, caller, failed.id).id
        except Conflict as refused:
            return refused.message

    with connect(database) as holder, holder.transaction():
        holder.execute("SELECT FROM run FOR UPDATE")
        with (
            in_thread(redeliver) as first,
            in_thread(redeliver) as second,
        ):
            wait_until_blocked(connection, 2)
            holder.execute("COMMIT")
            outcomes = [first(), second()]
            holder.execute("BEGIN")

    assert sorted(map(str, outcomes)) == sorted(
        [str(failed.id), f"The run {failed.id} is under way."]
    )
    assert one(connection, "SELECT count(*) FROM inflight") == 1
    assert one(connection, "SELECT count(*) FROM run") == 0


def test_a_run_under_way_is_not_sent_beside_itself(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    due_now(connection, job)
    (run,) = claim_and_take(connection)

    with pytest.raises(Conflict, match="under way"):
        runs.redeliver(context, caller, run.id)
    settle(connection, [settlement_of(run, None, 500)])
    with pytest.raises(Conflict, match="under way"):
        runs.redeliver(context, caller, run.id)


def test_an_update_keeps_what_the_runs_of_the_old_version_sent(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    failed = fail(caller, connection, job)
    jobs.update(context, caller, job.id, booking(QUARTERLY, data=b"two"), ReadOnlyMembers())

    runs.redeliver(context, caller, failed.id)

    again = take_again(connection)
    assert (again.data, again.job_version) == (b"one", 1)
    settle(connection, [settlement_of(again)])
    assert jobs.get(context, caller, job.id).version == 2


def test_an_update_of_a_version_that_never_fired_keeps_nothing(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    jobs.update(context, caller, job.id, booking(data=b"two"), ReadOnlyMembers())

    assert one(connection, "SELECT count(*) FROM superseded") == 0


def test_a_succeeded_run_is_sent_again_while_its_job_stands_as_it_was(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    done = fail(caller, connection, job, RunState.SUCCEEDED)

    runs.redeliver(context, caller, done.id)

    assert take_again(connection).data == b"one"
    assert jobs.get(context, caller, job.id).version == 1


def test_a_run_that_met_a_410_can_be_sent_again(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    due_now(connection, job)
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run, RunState.FAILED, 410)])

    runs.redeliver(context, caller, run.id)

    assert take_again(connection).data == b"one"


def test_a_dead_run_that_was_never_attempted_can_be_sent_again(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    dead = fail(caller, connection, jobs.create(context, caller, booking()), RunState.DEAD)
    connection.execute("DELETE FROM attempt")
    connection.execute("UPDATE run SET attempts = 0")

    taken_up = runs.redeliver(context, caller, dead.id)

    assert of_account(context, caller) == (taken_up,)


def test_what_was_attempted_a_thousand_times_is_let_go(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    failed = fail(caller, connection, jobs.create(context, caller, booking()))
    connection.execute("UPDATE run SET attempts = %s", (redelivery.MAX_ATTEMPTS,))

    with pytest.raises(Conflict, match="1000 times"):
        runs.redeliver(context, caller, failed.id)


def test_what_can_never_be_sent_is_refused_for_that_at_the_limit_as_well(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    failed = fail(caller, connection, jobs.create(context, caller, booking()))
    due_now(connection, jobs.create(context, caller, booking(QUARTERLY)))
    assert claim_and_take(connection)
    allow(context, caller, 1)
    assert runs_under_way.count_all(connection)

    with pytest.raises(LimitReached):
        runs.redeliver(context, caller, failed.id)
    assert runs.get(context, caller, failed.id).state is RunState.FAILED

    connection.execute("UPDATE run SET attempts = %s", (redelivery.MAX_ATTEMPTS,))
    with pytest.raises(Conflict, match="1000 times"):
        runs.redeliver(context, caller, failed.id)


def test_another_accounts_run_is_not_sent_again(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    theirs = accounts.authenticate(context, accounts.create(context, "theirs"), account=None)
    failed = fail(caller, connection, jobs.create(context, caller, booking()))

    for run_id in (failed.id, UUID(int=uuid7().int)):
        with pytest.raises(NotFound, match=str(run_id)):
            runs.redeliver(context, theirs, run_id)
    assert runs.redeliver_all(context, theirs, ALL, after=None).count == 0
    assert runs.get(context, caller, failed.id).state is RunState.FAILED


def test_neither_another_account_s_run_nor_one_beside_its_double_is_taken_up(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    other = accounts.authenticate(context, accounts.create(context, "theirs"), account=None)
    failed = fail(caller, connection, jobs.create(context, caller, booking()))
    position = Position(due_at=failed.due_at, id=failed.id)
    sent = Candidate(position=position, job_id=failed.job_id, sendable=True)
    with context.database.transaction() as on:
        taken = redelivery.requeue(driver_of(on), other.account.id, [sent], states=SETTLED)
    assert taken == 0

    # A second run of the same firing, which an orphan that was armed again may leave behind.
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
        " send_at, look_at) SELECT gen_random_uuid(), job_id, account_id, job_version, kind,"
        " due_at, true, 'claimed', due_at, due_at FROM run"
    )
    with pytest.raises(Conflict):
        runs.redeliver(context, caller, failed.id)
    assert runs.get(context, caller, failed.id).state is RunState.FAILED
