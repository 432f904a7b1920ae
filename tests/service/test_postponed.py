"""Changes of a job whose firing waits because its account is at a limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.domain.account import Caller
from app.domain.firing_rate import Allowed, FiringLimits
from app.domain.job import Job, ReadOnlyMembers
from app.domain.run import RunState
from app.domain.trigger import Trigger
from app.service import jobs, pauses, runs
from app.service.context import Context
from app.store.claims import claim
from app.store.rescue import check
from app.store.settling import settle
from app.store.takes import take, untaken
from tests.factories import claim_and_take, connect, in_thread, one, wait_until_blocked
from tests.service.test_jobs import QUARTERLY, TOMORROW, booking, due_now
from tests.store.test_settling import settlement_of

ONCE = TOMORROW
TOLD = "postponed: the account may begin 1 runs a second (firingsPerSecond)"


def limits(caller: Caller, *, queued: bool = False) -> FiringLimits:
    """One run a second."""
    account_id = caller.account.id
    return FiringLimits(
        of={account_id: Allowed(per_second=1)},
        queued=frozenset({account_id} if queued else ()),
    )


def limits_of_its_own(context: Context, connection: psycopg.Connection, caller: Caller) -> None:
    """Let updates of jobs know that the account may begin one run a second."""
    own = Jsonb({"firingsPerSecond": 1})
    connection.execute("UPDATE account SET limits = %s WHERE id = %s", (own, caller.account.id))
    context.limit_cache.put(caller.account.id, {"firingsPerSecond": 1})


def claimed(connection: psycopg.Connection, caller: Caller, *, queued: bool = True) -> list[str]:
    """The states of what the next claim makes, once the account may begin something again."""
    connection.execute("UPDATE firing_pace SET spent_until = now() - interval '1 s'")
    begun = claim(
        connection,
        budget=10,
        ahead=0.3,
        unreadable=lambda *_: None,
        limits=limits(caller, queued=queued),
    ).runs
    return [
        one(connection, "SELECT job_id FROM inflight WHERE id = %s", each.run_id) for each in begun
    ]


@pytest.fixture(params=[ONCE, QUARTERLY], ids=["once", "recurring"])
def trigger(request: pytest.FixtureRequest) -> Trigger:
    found: Trigger = request.param
    return found


@pytest.fixture
def postponed(
    context: Context, caller: Caller, connection: psycopg.Connection, trigger: Trigger
) -> Job:
    """A job that was due a minute ago, behind another one that the account was allowed."""
    first = jobs.create(context, caller, booking(ONCE))
    due_now(connection, first, ago=120)
    job = jobs.create(context, caller, booking(trigger))
    due_now(connection, job, ago=60)
    begun = claim(
        connection, budget=10, ahead=0.3, unreadable=lambda *_: None, limits=limits(caller)
    )
    assert len(begun.runs) == 1
    assert begun.postponed == {caller.account.id: 1}
    found = jobs.get(context, caller, job.id)
    assert found.owed_at is not None
    return found


def test_a_postponed_job_shows_when_it_is_expected_and_when_it_was_due(
    context: Context, caller: Caller, postponed: Job
) -> None:
    now = datetime.now(UTC)
    assert postponed.next_at is not None
    assert postponed.owed_at is not None
    assert now < postponed.next_at < now + timedelta(minutes=1)
    assert postponed.owed_at < now - timedelta(seconds=59)


def test_a_delete_withdraws_it(
    context: Context, caller: Caller, connection: psycopg.Connection, postponed: Job
) -> None:
    jobs.delete(context, caller, postponed.id)

    assert claimed(connection, caller) == []


def test_a_pause_withdraws_it_and_a_resumption_makes_it(
    context: Context, caller: Caller, connection: psycopg.Connection, postponed: Job
) -> None:
    pauses.pause(context, caller, postponed.id)
    assert claimed(connection, caller) == []

    resumed = pauses.resume(context, caller, postponed.id)

    assert resumed.owed_at is None
    assert jobs.get(context, caller, postponed.id).owed_at is None


def test_an_update_leaves_it_to_the_old_version_and_counts_it(
    context: Context, caller: Caller, connection: psycopg.Connection, postponed: Job
) -> None:
    jobs.update(context, caller, postponed.id, booking(ONCE, data=b"two"), ReadOnlyMembers())

    query = "SELECT due_at, job_version FROM inflight WHERE job_id = %s"
    assert connection.execute(query, (postponed.id,)).fetchall() == [(postponed.owed_at, 1)]
    assert claimed(connection, caller) == [], "the new version is not due yet"
    checked = check(connection, limit=10, leases_count=True, limits=limits(caller))
    assert checked.begun == {caller.account.id: 1}


def test_an_update_leaves_it_with_its_reason_and_no_worker_takes_it_before_its_turn(
    context: Context, caller: Caller, connection: psycopg.Connection, postponed: Job
) -> None:
    limits_of_its_own(context, connection, caller)
    before = datetime.now(UTC)

    jobs.update(context, caller, postponed.id, booking(ONCE, data=b"two"), ReadOnlyMembers())

    query = "SELECT send_at, look_at, planned_at, reason FROM inflight WHERE job_id = %s"
    (row,) = connection.execute(query, (postponed.id,)).fetchall()
    assert before < row[0] == row[1]
    assert row[2:] == (None, TOLD)
    theirs = {run_id for run_id, _ in untaken(connection, late=0, limit=10)}
    assert one(connection, "SELECT id FROM inflight WHERE job_id = %s", postponed.id) not in theirs


def test_no_worker_takes_an_overdue_firing_that_an_update_left_before_a_scheduler_has_met_it(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    due_now(connection, job, ago=60)

    jobs.update(context, caller, job.id, booking(ONCE, data=b"two"), ReadOnlyMembers())

    assert one(connection, "SELECT count(*) FROM inflight WHERE planned_at = due_at") == 1
    assert untaken(connection, late=0, limit=10) == []


def test_updated_firings_begin_in_the_order_of_their_due_times_with_all_others(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    limits_of_its_own(context, connection, caller)
    made = [jobs.create(context, caller, booking(ONCE)) for _ in range(4)]
    for index, job in enumerate(made):
        due_now(connection, job, ago=60 - index)
    begun = claim(
        connection, budget=10, ahead=0.3, unreadable=lambda *_: None, limits=limits(caller)
    )
    assert begun.postponed == {caller.account.id: 3}
    connection.execute("UPDATE firing_pace SET spent_until = now() + interval '1 hour'")
    spent = one(connection, "SELECT spent_until FROM firing_pace")

    jobs.update(context, caller, made[3].id, booking(ONCE, data=b"two"), ReadOnlyMembers())
    jobs.update(context, caller, made[1].id, booking(ONCE, data=b"two"), ReadOnlyMembers())
    checked = check(connection, limit=10, leases_count=True, limits=limits(caller, queued=True))

    assert (checked.to_notify, checked.postponed) == ([], 2)
    assert checked.begun == {caller.account.id: 1}, "what stands in the queue is not counted yet"
    assert one(connection, "SELECT spent_until FROM firing_pace") - spent == timedelta(seconds=1)
    query = "SELECT state, planned_at = send_at, reason FROM inflight WHERE job_id = %s"
    assert connection.execute(query, (made[1].id,)).fetchall() == [("waiting", True, TOLD)]
    assert connection.execute(query, (made[3].id,)).fetchall() == [("claimed", True, TOLD)]
    assert claimed(connection, caller) == [made[2].id], "it was due before the last one"

    instant = "UPDATE inflight SET look_at = now(), send_at = now(), planned_at = now()"
    connection.execute(f"{instant} WHERE job_id = %s", (made[3].id,))
    connection.execute("UPDATE firing_pace SET spent_until = now() - interval '1 s'")
    checked = check(connection, limit=10, leases_count=True, limits=limits(caller, queued=True))

    assert checked.begun == {caller.account.id: 1}
    assert len(checked.to_notify) == 1
    assert one(connection, "SELECT reason FROM inflight WHERE job_id = %s", made[3].id) == TOLD


def test_a_deletion_beside_the_claim_cancels_what_that_made(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    database: str,
    postponed: Job,
) -> None:
    """The claim holds the job; the deletion waits for it, and has the last word."""
    connection.execute("BEGIN")
    assert claimed(connection, caller) == [postponed.id]
    with (
        connect(database) as watch,
        in_thread(partial(jobs.delete, context, caller, postponed.id)) as finish,
    ):
        wait_until_blocked(watch)
        connection.execute("COMMIT")
        finish()

    query = "SELECT cancelled_at IS NOT NULL FROM inflight WHERE job_id = %s"
    assert connection.execute(query, (postponed.id,)).fetchall() == [(True,)]


def test_a_redelivery_has_its_turn_like_any_other_run(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    due_now(connection, job, ago=1)
    (taken,) = claim_and_take(connection)
    settle(connection, [settlement_of(taken, state=RunState.FAILED)])
    connection.execute(
        "INSERT INTO firing_pace VALUES (%s, now() + interval '10 s', now())", (caller.account.id,)
    )

    runs.redeliver(context, caller, taken.id)
    checked = check(connection, limit=10, leases_count=True, limits=limits(caller))

    assert (checked.to_notify, checked.postponed) == ([], 1)
    found = runs.get(context, caller, taken.id)
    assert found.state is RunState.WAITING
    assert found.next_attempt_at is not None
    assert found.next_attempt_at > datetime.now(UTC) + timedelta(seconds=8)
    assert found.reason is not None
    assert "firingsPerSecond" in found.reason
    assert take(connection, [(taken.id, 1)]) == []
