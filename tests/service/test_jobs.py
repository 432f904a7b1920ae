"""Jobs: booked, read and replaced, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from uuid6 import uuid7

from app.domain.account import Caller
from app.domain.call_options import CallOptions
from app.domain.instants import format_utc
from app.domain.job import Booking, Job, ReadOnlyMembers
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.retry_policy import RetryPolicy
from app.domain.trigger import Trigger
from app.errors import Conflict, InvalidMember, NotFound, TooLarge
from app.service import accounts, job_list, jobs
from app.service.context import Context
from app.store import jobs as store
from app.store.claims import Claimed
from tests.factories import (
    claim_all,
    claims_held,
    connect,
    in_seconds,
    in_thread,
    one,
    wait_until_blocked,
)

TOMORROW = At(instant=datetime.now(UTC).replace(microsecond=0) + timedelta(days=1))
QUARTERLY = Cron(expression="0 0/15 * * * ?")


def booking(trigger: Trigger = TOMORROW, *, data: bytes = b"one", enabled: bool = True) -> Booking:
    return Booking(url="https://example.com/cb", trigger=trigger, data=data, enabled=enabled)


def due_now(connection: psycopg.Connection, job: Job, ago: float = 1.0) -> None:
    """Let the job have been due `ago` seconds ago (negative: let it be due soon)."""
    connection.execute("UPDATE due SET next_at = %s WHERE job_id = %s", (in_seconds(-ago), job.id))


def claimed_beside(
    connection: psycopg.Connection,
    database: str,
    call: Callable[..., Any],
    *args: object,
) -> Claimed:
    """The one run of a claim that was held up halfway, while `call(*args)` had to wait for it."""
    run: Claimed
    with (
        connect(database) as holder,
        claims_held(holder) as release,
        in_thread(lambda: claim_all(connection)) as claimed,
    ):
        wait_until_blocked(holder)
        with in_thread(partial(call, *args)) as called:
            wait_until_blocked(holder, 2)
            release()
            (run,) = claimed()
            called()
    return run


def test_a_booking_reads_back_as_it_was_made(context: Context, caller: Caller) -> None:
    made = jobs.create(
        context,
        caller,
        Booking(
            url="https://example.com/cb",
            trigger=TOMORROW,
            signature="507aaa07",
            content_type="text/plain",
            data=bytes(range(256)),
            name="nightly",
            tags=("a", "b"),
            call_options=CallOptions(
                method="PATCH",
                headers=(("X-B", "2"), ("X-A", "1")),
                timeout=2.5,
                retry=RetryPolicy(schedule=(1, 2.5), max_age=60),
            ),
            misfire=Misfire(policy=MisfirePolicy.SKIP, window=5),
            on_success="https://example.com/done",
            on_failure="https://example.com/failed",
        ),
    )

    assert jobs.get(context, caller, made.id) == made
    assert made.next_at == TOMORROW.instant


def test_what_cannot_be_booked_together_leaves_nothing_behind(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    made = jobs.create_together(
        context, caller, [booking(), booking(QUARTERLY), booking(enabled=False)]
    )
    assert [jobs.get(context, caller, each.id) for each in made] == made

    with pytest.raises(InvalidMember, match=r"^Job 1 \(counted from 0\): .* not in the future"):
        jobs.create_together(
            context, caller, [booking(), booking(At(instant=caller.now)), booking()]
        )
    with pytest.raises(psycopg.errors.CheckViolation):
        # What no check of ours let through, the database still takes whole or not at all.
        store.insert_jobs(
            connection,
            caller.account.id,
            [
                replace(made[0], id=uuid7(), booking=replace(made[0].booking, url="")),
                replace(made[1], id=uuid7()),
            ],
        )
    assert one(connection, "SELECT count(*) FROM job") == 3
    assert one(connection, "SELECT count(*) FROM due") == 3


def test_a_job_and_its_due_row_stand_together(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())

    row = connection.execute("SELECT job_id, version, recurring, next_at FROM due").fetchone()
    assert row == (job.id, 1, False, TOMORROW.instant)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Booking(url="ftp://example.com", trigger=TOMORROW), InvalidMember),
        (Booking(url="http://10.0.0.1/", trigger=TOMORROW), InvalidMember),
        (booking(At(instant=datetime.now(UTC) - timedelta(seconds=1))), InvalidMember),
        (booking(Cron(expression="0 0/5 * * * ?")), InvalidMember),
        (booking(data=b"x" * 2049), TooLarge),
        (Booking(url="https://a.b/", trigger=TOMORROW, signature="a\nb"), InvalidMember),
        (Booking(url="https://a.b/", trigger=TOMORROW, content_type="x" * 1025), InvalidMember),
    ],
)
def test_what_cannot_be_delivered_is_refused_and_nothing_stored(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    bad: Booking,
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        jobs.create(context, caller, bad)

    assert one(connection, "SELECT count(*) FROM job") == 0


def test_another_accounts_job_is_as_unknown_as_nobodys(context: Context, caller: Caller) -> None:
    theirs = accounts.authenticate(context, accounts.create(context, "theirs"), account=None)
    job = jobs.create(context, caller, booking())
    for job_id in (job.id, UUID(int=uuid7().int)):
        for call in (
            lambda job_id=job_id: jobs.get(context, theirs, job_id),
            lambda job_id=job_id: jobs.delete(context, theirs, job_id),
            lambda job_id=job_id: jobs.update(
                context, theirs, job_id, booking(), ReadOnlyMembers()
            ),
        ):
            with pytest.raises(NotFound, match=str(job_id)):
                call()
    with job_list.list_ids(context, theirs) as listed:
        assert (listed.count, list(listed.ids)) == (0, [])
    assert jobs.get(context, caller, job.id) == job


def test_the_list_has_every_id_oldest_first(context: Context, caller: Caller) -> None:
    made = [jobs.create(context, caller, booking()).id for _ in range(3)]

    with job_list.list_ids(context, caller) as listed:
        assert (listed.count, list(listed.ids)) == (3, made)


def test_an_update_replaces_the_whole_job(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    job = jobs.create(context, caller, booking())

    updated = jobs.update(
        context, caller, job.id, booking(QUARTERLY, data=b"two"), ReadOnlyMembers()
    )

    assert jobs.get(context, caller, job.id) == updated
    assert (updated.version, updated.booking.data, updated.booking.trigger) == (
        2,
        b"two",
        QUARTERLY,
    )
    row = connection.execute("SELECT version, recurring, next_at FROM due").fetchone()
    assert row == (2, True, updated.next_at)


def test_a_name_that_is_taken_is_refused_with_the_job_that_has_it(
    context: Context, caller: Caller
) -> None:
    first = jobs.create(context, caller, replace(booking(), name="mine"))
    second = jobs.create(context, caller, booking())
    same = replace(booking(), name="mine")
    with pytest.raises(Conflict, match=str(first.id)):
        jobs.create(context, caller, same)
    with pytest.raises(Conflict, match=str(first.id)):
        jobs.update(context, caller, second.id, same, ReadOnlyMembers())
    assert jobs.get(context, caller, second.id) == second


def test_a_name_whose_job_has_just_ended_is_not_guessed(
    context: Context, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = jobs.create(context, caller, replace(booking(), name="mine"))
    insert = store.insert_jobs

    def insert_as_it_ends(*args: Any) -> None:
        try:
            insert(*args)
        finally:
            jobs.delete(context, caller, first.id)

    monkeypatch.setattr(store, "insert_jobs", insert_as_it_ends)
    with pytest.raises(Conflict) as refused:
        jobs.create_together(context, caller, [replace(booking(), name="mine")])

    assert refused.value.message.startswith("The name of one of these jobs was used by another")
    assert refused.value.remedy == "Send the jobs again."


def test_read_only_members_must_equal_what_is_stored(context: Context, caller: Caller) -> None:
    job = jobs.create(context, caller, booking(QUARTERLY))
    assert job.next_at is not None
    same = ReadOnlyMembers(id=str(job.id), account="demo", next=format_utc(job.next_at))
    jobs.update(context, caller, job.id, booking(QUARTERLY), same)

    for member, read_only in (
        ("id", ReadOnlyMembers(id=str(uuid7()))),
        ("account", ReadOnlyMembers(account="other")),
        ("next", ReadOnlyMembers(next=format_utc(in_seconds(3600)))),
        ("next", ReadOnlyMembers(next="never")),
    ):
        with pytest.raises(InvalidMember) as refused:
            jobs.update(context, caller, job.id, booking(QUARTERLY), read_only)
        assert refused.value.member == member
