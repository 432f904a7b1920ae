"""One thing done to several jobs: each alone, with the reason of each that is refused."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from uuid6 import uuid7

from app.domain.account import Caller
from app.domain.job import Booking, Job
from app.domain.job_filter import JobFilter
from app.errors import InvalidMember, NotFound, Unavailable
from app.service import accounts, job_selection, jobs, pauses
from app.service.context import Context
from app.service.job_selection import JobAction
from app.store import jobs as job_store
from tests.factories import connect, in_thread, one, wait_until_blocked
from tests.service.test_jobs import QUARTERLY, TOMORROW, booking

LAST = UUID(int=2**128 - 1)
ABSENT = UUID(int=uuid7().int)


@pytest.fixture
def made(context: Context, caller: Caller) -> list[UUID]:
    """Two jobs of the caller."""
    wanted: list[Booking] = [booking(QUARTERLY), replace(booking(TOMORROW), tags=("a",))]
    return [jobs.create(context, caller, each).id for each in wanted]


def test_each_job_is_paused_and_resumed_and_one_that_is_gone_is_named(
    context: Context, caller: Caller, made: list[UUID]
) -> None:
    for action, enabled in ((JobAction.PAUSE, False), (JobAction.RESUME, True)):
        applied = job_selection.apply(context, caller, action, [made[0], ABSENT, made[1]])
        assert applied.done == 2
        ((job_id, error),) = applied.refused
        assert (job_id, type(error)) == (ABSENT, NotFound)
        assert [jobs.get(context, caller, each).booking.enabled for each in made] == [enabled] * 2


def test_jobs_are_called_and_deleted(
    context: Context, caller: Caller, made: list[UUID], connection: psycopg.Connection
) -> None:
    assert job_selection.apply(context, caller, JobAction.FIRE, made).done == 2
    assert one(connection, "SELECT count(*) FROM inflight WHERE kind = 'manual'") == 2
    assert job_selection.apply(context, caller, JobAction.DELETE, made).done == 2
    assert job_selection.count(context, caller, JobFilter()) == 0


def test_what_was_done_is_one_record_of_the_audit_log(
    context: Context, caller: Caller, made: list[UUID], connection: psycopg.Connection
) -> None:
    job_selection.apply(context, caller, JobAction.TAG, [*made, ABSENT], tag="b")
    job_selection.apply(context, caller, JobAction.DELETE, made)
    job_selection.apply(context, caller, JobAction.DELETE, made)
    records = connection.execute(
        "SELECT action, object, detail FROM audit WHERE action LIKE 'jobs.%' ORDER BY id"
    ).fetchall()
    assert records == [("jobs.tag", "2 jobs", "b"), ("jobs.delete", "2 jobs", None)]


def test_what_was_done_before_the_database_was_away_is_recorded(
    context: Context,
    caller: Caller,
    made: list[UUID],
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pause = pauses.pause

    def pause_first(context: Context, caller: Caller, job_id: UUID) -> Job:
        if job_id != made[0]:
            raise Unavailable("away")
        return pause(context, caller, job_id)

    monkeypatch.setattr(pauses, "pause", pause_first)
    with pytest.raises(Unavailable):
        job_selection.apply(context, caller, JobAction.PAUSE, made)
    records = "SELECT object FROM audit WHERE action = 'jobs.pause'"
    assert one(connection, records) == "1 job"


def test_a_tag_is_given_and_taken_without_other_changes(
    context: Context, caller: Caller, made: list[UUID]
) -> None:
    before = [jobs.get(context, caller, each) for each in made]
    job_selection.apply(context, caller, JobAction.TAG, made, tag="a")
    tagged = [jobs.get(context, caller, each) for each in made]
    assert [each.booking.tags for each in tagged] == [("a",), ("a",)]
    assert [each.version for each in tagged] == [2, 1]
    assert replace(tagged[0].booking, tags=()) == before[0].booking
    assert tagged[0].next_at == before[0].next_at
    job_selection.apply(context, caller, JobAction.UNTAG, made, tag="a")
    assert [jobs.get(context, caller, each).booking.tags for each in made] == [(), ()]


@pytest.mark.parametrize("action", [JobAction.TAG, JobAction.UNTAG])
def test_a_tag_undoes_no_pause_for_which_it_waited(
    context: Context,
    caller: Caller,
    made: list[UUID],
    connection: psycopg.Connection,
    database: str,
    action: JobAction,
) -> None:
    with connect(database) as pausing:
        pausing.execute("BEGIN")
        assert job_store.lock(pausing, caller.account.id, made[1])
        tag = "b" if action is JobAction.TAG else "a"
        with in_thread(
            lambda: job_selection.apply(context, caller, action, [made[1]], tag=tag)
        ) as applied:
            wait_until_blocked(connection)
            pausing.execute("UPDATE job SET enabled = false WHERE id = %s", (made[1],))
            pausing.execute("UPDATE due SET next_at = NULL WHERE job_id = %s", (made[1],))
            pausing.execute("COMMIT")
            assert applied().done == 1

    after = jobs.get(context, caller, made[1])
    assert (after.booking.enabled, after.next_at) == (False, None)


@pytest.mark.parametrize("tag", [None, "", " a", "x" * 65])
def test_a_tag_that_cannot_be_is_refused_before_anything(
    context: Context, caller: Caller, made: list[UUID], tag: str | None
) -> None:
    with pytest.raises(InvalidMember) as refused:
        job_selection.apply(context, caller, JobAction.TAG, made, tag=tag)
    assert refused.value.member == "tag"


def test_too_many_at_once_are_refused(context: Context, caller: Caller) -> None:
    many = [ABSENT] * (job_selection.MAX_AT_ONCE + 1)
    with pytest.raises(InvalidMember, match="101 jobs"):
        job_selection.apply(context, caller, JobAction.DELETE, many)


def test_nobody_acts_on_jobs_of_another_account(
    context: Context, caller: Caller, made: list[UUID]
) -> None:
    other = accounts.authenticate(context, accounts.create(context, "other"), account=None)
    for action in JobAction:
        applied = job_selection.apply(context, other, action, made, tag="b")
        assert applied.done == 0
        assert [type(error) for _, error in applied.refused] == [NotFound] * 2
    assert job_selection.count(context, other, JobFilter()) == 0
    assert job_selection.count(context, caller, JobFilter()) == 2


def test_what_is_booked_after_the_count_is_not_reached(
    context: Context, caller: Caller, made: list[UUID]
) -> None:
    until = made[-1]
    later = jobs.create(context, caller, booking(QUARTERLY)).id
    assert later > until
    first = job_selection.next_batch(
        context, caller, JobFilter(), after=job_selection.FIRST, until=until
    )
    assert first == made
    assert job_selection.next_batch(context, caller, JobFilter(), after=made[-1], until=LAST) == [
        later
    ]
