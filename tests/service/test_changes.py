"""Firings whose job is replaced, paused or deleted at the same time, in every race."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.domain.account import Caller
from app.domain.call_options import CallOptions
from app.domain.job import ReadOnlyMembers
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.one_time import At
from app.domain.trigger import to_document
from app.errors import Conflict, NotFound
from app.service import jobs
from app.service.context import Context
from app.store.claims import Claimed
from app.store.rescue import check
from app.store.settling import settle
from app.store.takes import take
from tests.factories import claim_all, claim_and_take, in_seconds, one
from tests.service.test_jobs import QUARTERLY, TOMORROW, booking, claimed_beside, due_now
from tests.store.test_settling import settlement_of


def to_notify(connection: psycopg.Connection) -> Sequence[Claimed]:
    """What the scheduler rings for when it looks runs over."""
    return check(connection, limit=10, leases_count=True).to_notify


def test_what_no_scheduler_has_come_to_is_the_old_versions_to_make(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    options = CallOptions(method="PUT", headers=(("X-Shop", "7"),))
    job = jobs.create(context, caller, replace(booking(QUARTERLY), call_options=options))
    due_now(connection, job, ago=60)

    updated = jobs.update(
        context, caller, job.id, booking(QUARTERLY, data=b"two"), ReadOnlyMembers()
    )

    (run,) = take(connection, [(each.run_id, each.token) for each in to_notify(connection)])
    assert (run.job_version, run.data, run.call_options, run.ends_job) == (
        1,
        b"one",
        options,
        False,
    )
    assert run.planned_at is not None
    assert (run.send_at - run.planned_at).total_seconds() > 59, "it is late since its due time"
    assert updated.next_at is not None
    assert updated.next_at > datetime.now(UTC)


def test_an_update_makes_all_that_a_job_wants_made_up_for(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    every = replace(booking(QUARTERLY), misfire=Misfire(policy=MisfirePolicy.ALL))
    job = jobs.create(context, caller, every)
    assert job.next_at is not None
    dues = [job.next_at - timedelta(minutes=15 * ago) for ago in (4, 3, 2, 1)]
    connection.execute("UPDATE due SET next_at = %s", (dues[0],))

    jobs.update(context, caller, job.id, every, ReadOnlyMembers())

    rows = connection.execute("SELECT due_at FROM inflight ORDER BY due_at").fetchall()
    assert [row[0] for row in rows] == dues


def test_a_pause_or_a_delete_makes_nothing_of_what_is_overdue(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    paused, deleted = (jobs.create(context, caller, booking(QUARTERLY)) for _ in range(2))
    for job in (paused, deleted):
        due_now(connection, job, ago=60)

    jobs.update(context, caller, paused.id, booking(QUARTERLY, enabled=False), ReadOnlyMembers())
    jobs.delete(context, caller, deleted.id)

    assert one(connection, "SELECT count(*) FROM inflight") == 0


def test_a_delete_waits_for_a_claim_and_withdraws_its_run(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    job = jobs.create(context, caller, booking())
    due_now(connection, job)
    run = claimed_beside(connection, database, jobs.delete, context, caller, job.id)

    assert take(connection, [(run.run_id, run.token)]) == []
    settle(connection, check(connection, limit=10, leases_count=True).ended)
    assert one(connection, "SELECT state FROM run") == "cancelled"
    assert one(connection, "SELECT count(*) FROM inflight") == 0
    with pytest.raises(NotFound):
        jobs.get(context, caller, job.id)


def test_a_claim_passes_over_a_job_that_is_being_changed(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    job = jobs.create(context, caller, booking())
    due_now(connection, job)
    with psycopg.connect(database) as holder:
        holder.execute("SELECT FROM due WHERE job_id = %s FOR UPDATE", (job.id,))
        assert claim_all(connection) == []
        holder.execute("DELETE FROM job WHERE id = %s", (job.id,))
        holder.commit()

    assert claim_all(connection) == []


def test_an_update_replaces_a_firing_that_is_claimed_but_still_ahead(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    due_now(connection, job, ago=-5.0)
    (run,) = claim_and_take(connection, ahead=6.0)

    jobs.update(context, caller, job.id, booking(data=b"two"), ReadOnlyMembers())

    assert one(connection, "SELECT cancelled_at IS NOT NULL FROM inflight") is True
    assert one(connection, "SELECT next_at FROM due") == TOMORROW.instant
    settle(connection, [settlement_of(run)])
    assert jobs.get(context, caller, job.id).booking.data == b"two"


def test_a_job_booked_back_to_the_same_time_fires_once_in_its_newest_version(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    soon = in_seconds(5.0)
    job = jobs.create(context, caller, booking(At(instant=soon)))
    (first,) = claim_all(connection, ahead=6.0)
    jobs.update(context, caller, job.id, booking(), ReadOnlyMembers())
    jobs.update(
        context, caller, job.id, booking(At(instant=soon), data=b"three"), ReadOnlyMembers()
    )
    (again,) = claim_all(connection, ahead=6.0)

    taken = take(connection, [(each.run_id, each.token) for each in (first, again)])

    assert [(run.job_version, run.due_at, run.data) for run in taken] == [(3, soon, b"three")]


def test_a_firing_that_was_due_already_keeps_the_content_of_its_version(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    due_now(connection, job)
    claimed = claim_all(connection)

    jobs.update(context, caller, job.id, booking(data=b"two"), ReadOnlyMembers())
    (run,) = take(connection, [(each.run_id, each.token) for each in claimed])

    assert (run.job_version, run.data, run.url) == (1, b"one", "https://example.com/cb")
    settle(connection, [settlement_of(run)])
    assert jobs.get(context, caller, job.id).version == 2


def test_an_update_does_not_repeat_a_firing_of_the_old_version_that_stands(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime.now(UTC)
    quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    job = jobs.create(context, caller, booking(QUARTERLY))
    connection.execute("UPDATE due SET next_at = %s", (quarter,))
    claim_all(connection)

    # The update came 50 ms before the quarter, whose firing is therefore left to take place.
    just_before = quarter - timedelta(milliseconds=50)
    monkeypatch.setattr(jobs, "read_clock", lambda _connection: just_before)
    updated = jobs.update(
        context, caller, job.id, booking(QUARTERLY, data=b"two"), ReadOnlyMembers()
    )

    assert updated.next_at == quarter + timedelta(minutes=15)


@pytest.mark.parametrize("is_claimed", [False, True])
def test_the_only_firing_is_not_repeated_by_an_update_just_before_it(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_claimed: bool,
) -> None:
    job = jobs.create(context, caller, booking())
    instant = in_seconds(-0.5)
    due_now(connection, job, ago=0.5)
    connection.execute("UPDATE due SET next_at = %s", (instant,))
    trigger = At(instant=instant)
    written = Jsonb(to_document(trigger))
    connection.execute("UPDATE job SET trigger = %s", (written,))
    if is_claimed:
        claim_all(connection)
    # The update came 50 ms before the instant: the firing is left to take place.
    just_before = instant - timedelta(milliseconds=50)
    monkeypatch.setattr(jobs, "read_clock", lambda _connection: just_before)

    with pytest.raises(Conflict, match="already made or is being made"):
        jobs.update(context, caller, job.id, booking(trigger, data=b"two"), ReadOnlyMembers())

    assert jobs.get(context, caller, job.id).version == 1
    moved = booking(At(instant=just_before + timedelta(hours=1)))
    assert jobs.update(context, caller, job.id, moved, ReadOnlyMembers()).version == 2


def test_pausing_withdraws_everything_and_a_later_update_arms_again(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    due_now(connection, job)
    (run,) = claim_and_take(connection)

    paused = jobs.update(
        context, caller, job.id, booking(QUARTERLY, enabled=False), ReadOnlyMembers()
    )

    assert (paused.booking.enabled, paused.next_at) == (False, None)
    assert one(connection, "SELECT cancelled_at IS NOT NULL FROM inflight") is True
    settle(connection, [settlement_of(run)])
    assert jobs.get(context, caller, job.id) == paused
    assert (
        jobs.update(context, caller, job.id, booking(QUARTERLY), ReadOnlyMembers()).next_at
        is not None
    )


def test_deleting_withdraws_a_run_that_waits_for_its_retry(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())
    due_now(connection, job)
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run, None, 500)])

    jobs.delete(context, caller, job.id)
    settle(connection, check(connection, limit=10, leases_count=True).ended)

    assert connection.execute("SELECT state, attempts, reason FROM run").fetchone() == (
        "cancelled",
        1,
        "the job was deleted",
    )
