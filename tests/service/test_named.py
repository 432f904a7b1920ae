"""Jobs by name: one job for each name, and no write if nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.call_options import CallOptions
from app.domain.job import Booking, Job, ReadOnlyMembers
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.native.trigger import Cron, Local
from app.domain.one_time import At
from app.domain.retry_policy import RetryPolicy
from app.errors import Conflict, InvalidMember, NotFound
from app.service import accounts, jobs, jobs_by_name
from app.service.context import Context
from app.service.jobs_by_name import Outcome
from app.store import jobs as store
from tests.factories import in_thread, one, wait_until_blocked
from tests.service.test_jobs import TOMORROW, due_now

NAME = "invoices"
JOBS_LOCK: LiteralString = "SELECT FROM due FOR UPDATE"
ROWS = "SELECT job.xmin, due.xmin, * FROM job JOIN due ON job_id = id"
OFTEN = Booking(url="https://example.com/cb", trigger=Cron(expression="0 0/15 * * * ?"), name=NAME)
OTHER = replace(OFTEN, data=b"other")
FULL = Booking(
    url="https://example.com/cb",
    trigger=Cron(expression="0 0/15 * * * ?", local=Local(timezone="Europe/Berlin", on_gap=None)),
    signature="507aaa07",
    content_type="text/plain",
    data=bytes(range(256)),
    name=NAME,
    tags=("b", "a"),
    call_options=CallOptions(
        method="PATCH",
        headers=(("X-B", "2"), ("X-A", "1")),
        timeout=2.5,
        retry=RetryPolicy(schedule=(1, 2.5), max_age=60),
    ),
    misfire=Misfire(policy=MisfirePolicy.SKIP, window=5),
    on_success="https://example.com/done",
    on_failure="https://example.com/failed",
)


def put(context: Context, caller: Caller, booking: Booking = OFTEN) -> Job:
    return jobs_by_name.put(context, caller, booking, ReadOnlyMembers()).job


@contextmanager
def locking(database: str, statement: LiteralString) -> Iterator[psycopg.Connection]:
    """A transaction that holds what this statement locks, to be committed by the test."""
    with psycopg.connect(database) as holder:
        holder.execute(statement)
        yield holder


def test_a_name_is_booked_then_replaced(context: Context, caller: Caller) -> None:
    first = jobs_by_name.put(context, caller, OFTEN, ReadOnlyMembers())
    assert (first.outcome, first.job.version) == (Outcome.CREATED, 1)
    second = jobs_by_name.put(context, caller, OTHER, ReadOnlyMembers())
    assert (second.outcome, second.job.version) == (Outcome.REPLACED, 2)
    assert second.job.id == first.job.id
    assert (
        jobs_by_name.get(context, caller, NAME)
        == second.job
        == jobs.get(context, caller, first.job.id)
    )


@pytest.mark.parametrize(
    "booking",
    [
        OFTEN,
        FULL,
        replace(OFTEN, trigger=TOMORROW, data=b""),
        replace(OFTEN, enabled=False),
    ],
)
def test_what_is_so_already_is_left_alone(
    context: Context, caller: Caller, connection: psycopg.Connection, booking: Booking
) -> None:
    made = put(context, caller, booking)
    before = connection.execute(ROWS).fetchall()

    again = jobs_by_name.put(context, caller, booking, ReadOnlyMembers(id=str(made.id)))

    assert (again.outcome, again.job) == (Outcome.UNCHANGED, made)
    after = connection.execute(ROWS).fetchall()
    assert after == before


def test_a_firing_that_is_due_outlasts_the_same_put(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    soon = replace(OFTEN, trigger=At(instant=TOMORROW.instant))
    job = put(context, caller, soon)
    due_now(connection, job)
    later = replace(caller, now=TOMORROW.instant + timedelta(seconds=1))
    # By then its time has passed; it is not judged anew, as nothing is booked.
    assert put(context, later, soon).version == 1
    assert one(connection, "SELECT next_at < now() FROM due") is True
    jobs.delete(context, caller, job.id)
    with pytest.raises(InvalidMember, match="not in the future"):
        put(context, later, soon)


@pytest.mark.parametrize(
    "different",
    [
        {"url": "https://example.com/other"},
        {"trigger": Cron(expression="0 0/30 * * * ?")},
        {"trigger": TOMORROW},
        {"signature": "x"},
        {"content_type": "text/html"},
        {"data": None},
        {"enabled": False},
        {"tags": ("a", "b")},
        {"call_options": CallOptions(method="PATCH")},
        {"misfire": Misfire()},
        {"on_success": None},
        {"on_failure": None},
    ],
)
def test_whatever_differs_makes_a_version(
    context: Context, caller: Caller, different: dict[str, Any]
) -> None:
    put(context, caller, FULL)
    wanted = replace(FULL, **different)
    assert put(context, caller, wanted).version == 2
    assert put(context, caller, wanted).version == 2


def test_what_a_document_repeats_must_be_right_where_the_job_is_there(
    context: Context, caller: Caller
) -> None:
    # Of a job that is not there yet, nothing can be repeated rightly or wrongly.
    made = jobs_by_name.put(
        context, caller, OFTEN, ReadOnlyMembers(id="of-another-one", account="whose")
    )
    assert made.outcome is Outcome.CREATED
    for booking in (OFTEN, OTHER):
        with pytest.raises(InvalidMember) as refused:
            jobs_by_name.put(context, caller, booking, ReadOnlyMembers(account="whose"))
        assert refused.value.member == "account"
    assert jobs_by_name.get(context, caller, NAME) == made.job


def test_a_name_is_its_accounts(context: Context, caller: Caller) -> None:
    theirs = accounts.authenticate(context, accounts.create(context, "theirs"), account=None)
    mine = put(context, caller)
    for call in (jobs_by_name.get, jobs_by_name.delete):
        with pytest.raises(NotFound, match=NAME):
            call(context, theirs, NAME)
    assert jobs_by_name.put(context, theirs, OTHER, ReadOnlyMembers()).outcome is Outcome.CREATED
    jobs_by_name.delete(context, theirs, NAME)
    assert jobs_by_name.get(context, caller, NAME) == mine
    jobs_by_name.delete(context, caller, NAME)
    with pytest.raises(NotFound):
        jobs.get(context, caller, mine.id)
    with pytest.raises(NotFound):
        jobs_by_name.delete(context, caller, NAME)


@pytest.mark.parametrize("name", ["", " a", "a\0b", "x" * 129, "\u2028"])
def test_what_can_be_no_name_is_refused(context: Context, caller: Caller, name: str) -> None:
    for call in (
        lambda: jobs_by_name.get(context, caller, name),
        lambda: jobs_by_name.delete(context, caller, name),
        lambda: put(context, caller, replace(OFTEN, name=name)),
    ):
        with pytest.raises(InvalidMember) as refused:
            call()
        assert refused.value.member == "name"


def test_two_that_declare_a_new_name_at_once_come_to_one_job(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    # Both have found nobody of that name when the first of them is let in.
    with (
        locking(database, "LOCK TABLE job IN SHARE ROW EXCLUSIVE MODE") as holder,
        in_thread(partial(jobs_by_name.put, context, caller, OFTEN, ReadOnlyMembers())) as one_put,
        in_thread(
            partial(jobs_by_name.put, context, caller, OTHER, ReadOnlyMembers())
        ) as other_put,
    ):
        wait_until_blocked(connection, 2)
        holder.commit()
        puts = [one_put(), other_put()]
    assert [each.outcome for each in puts].count(Outcome.CREATED) == 1
    assert len({each.job.id for each in puts}) == 1
    assert sorted(each.job.version for each in puts) == [1, 2]
    last = max(puts, key=lambda each: each.job.version)
    assert jobs_by_name.get(context, caller, NAME) == last.job
    assert one(connection, "SELECT count(*) FROM job") == 1


def test_two_that_change_a_name_alike_make_one_version(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    put(context, caller)
    with (
        locking(database, JOBS_LOCK) as holder,
        in_thread(partial(put, context, caller, OTHER)) as one_put,
        in_thread(partial(put, context, caller, OTHER)) as other_put,
    ):
        wait_until_blocked(connection, 2)
        holder.commit()
        assert [one_put().version, other_put().version] == [2, 2]


@pytest.mark.parametrize("ending", ["renamed", "deleted"])
def test_a_job_that_loses_the_name_meanwhile_is_not_the_one_that_is_meant(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    database: str,
    ending: str,
) -> None:
    job = put(context, caller)
    with (
        locking(database, JOBS_LOCK) as holder,
        in_thread(partial(jobs_by_name.put, context, caller, OTHER, ReadOnlyMembers())) as declared,
    ):
        wait_until_blocked(connection)
        if ending == "renamed":
            holder.execute("UPDATE job SET name = 'renamed'")
        else:
            holder.execute("DELETE FROM job")
        holder.commit()
        made = declared()

    assert made.outcome is Outcome.CREATED
    assert made.job.id != job.id
    if ending == "renamed":
        assert jobs.get(context, caller, job.id) == replace(
            job, booking=replace(job.booking, name="renamed")
        )


def test_a_delete_leaves_a_job_that_was_renamed_before(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    job = put(context, caller)
    with (
        locking(database, JOBS_LOCK) as holder,
        in_thread(partial(jobs_by_name.delete, context, caller, NAME)) as deleted,
    ):
        wait_until_blocked(connection)
        holder.execute("UPDATE job SET name = 'renamed'")
        holder.commit()
        with pytest.raises(NotFound):
            deleted()
    assert jobs.get(context, caller, job.id).booking.name == "renamed"


def test_a_name_that_never_rests_is_given_up(
    context: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = put(context, caller)
    locked: list[UUID] = []

    def gone(_connection: object, _account_id: int, job_id: UUID) -> bool:
        locked.append(job_id)
        return False

    monkeypatch.setattr(store, "lock", gone)
    for call in (
        lambda: put(context, caller, OTHER),
        lambda: jobs_by_name.delete(context, caller, NAME),
    ):
        with pytest.raises(Conflict) as refused:
            call()
        assert refused.value.remedy == "Send the request again."
    assert locked == [job.id] * jobs_by_name.TRIES * 2


def test_an_unchanged_put_waits_for_nobody(context: Context, caller: Caller, database: str) -> None:
    job = put(context, caller)
    with locking(database, JOBS_LOCK):
        # For the lock it would wait as long as lock_timeout, and be refused then.
        assert put(context, caller) == job


def test_two_transactions_with_the_same_names_do_not_wait_for_each_other_in_a_circle(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    # Its limits are stored with its first booking.
    jobs.create(context, caller, OFTEN)
    first, second = (replace(OFTEN, name=name) for name in "ab")
    made = jobs.judge_together(context, caller, [first, second])
    connection.execute("BEGIN")
    store.insert_jobs(connection, caller.account.id, made[:1])
    with in_thread(lambda: jobs.create_together(context, caller, [second, first])) as finish:
        wait_until_blocked(connection)
        store.insert_jobs(connection, caller.account.id, made[1:])
        connection.execute("COMMIT")
        with pytest.raises(Conflict, match="name"):
            finish()
