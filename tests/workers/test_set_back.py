"""What was written while the database's clock was an hour ahead, once it was set back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.domain.dapr import booking as dapr_booking
from app.domain.dapr.booking import Times
from app.domain.firing_rate import Allowed, FiringLimits
from app.domain.fusion.intervals import ByInterval, Unit
from app.domain.fusion.time_triggers import TimeTriggers
from app.domain.run import Reply
from app.domain.trigger import Trigger, from_document, is_recurring, next_after, to_document
from app.store.claims import claim
from app.store.clock_steps import bring_back, rearm_ahead
from app.store.parking import park
from app.store.settling import settle
from app.store.takes import take
from tests import stepped_clock
from tests.factories import book, claim_all, claim_and_take, connect, in_seconds, one
from tests.store.test_parking import back
from tests.store.test_settling import settlement_of
from tests.workers.clock_harness import HOUR, ClockHarness
from tests.workers.harness import SECRET, Harness
from workers.dispatch.leased_run import lease
from workers.dispatch.settler import Settler

SOON = "SELECT {} < pg_catalog.clock_timestamp() + interval '{} s' FROM {}"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    stepped_clock.install(database)
    with connect(database) as opened:
        yield opened


@pytest.fixture
def clock_harness(database: str, connection: psycopg.Connection) -> Iterator[ClockHarness]:
    made = ClockHarness(database, connection)
    yield made
    made.reconnecting.close()


def repair(connection: psycopg.Connection, step: float = HOUR) -> None:
    def fail(*reasons: object) -> None:
        raise AssertionError(reasons)

    bring_back(connection, step=step, failed=fail)
    rearm_ahead(connection, has_ended=lambda: False, unreadable=fail)


@pytest.mark.parametrize("taken_while_ahead", [False, True])
def test_a_deadline_that_was_written_while_the_clock_was_ahead_is_not_late(
    clock_harness: ClockHarness, *, taken_while_ahead: bool
) -> None:
    connection, harness = clock_harness.connection, Harness()
    book(connection, clock_harness.account, due_in=-1)
    clock_harness.set(HOUR if taken_while_ahead else 0.0)
    (run,) = claim_and_take(connection)
    now = harness.clock.now
    leased = lease(run, (SECRET,), sent_at=now, answered=now)
    harness.dispatcher.accept([leased])
    harness.step()
    answer = Reply(status=202, headers=(("Wakecall-Complete", "later; within=60"),))
    harness.engine.answer(answer)
    clock_harness.set(HOUR)
    settler = Settler(
        clock_harness.reconnecting,
        harness.dispatcher,
        harness.channels,
        "test",
        clock=harness.clock,
    )
    settler.run_once()
    harness.loop.close()

    clock_harness.set(0.0)
    repair(connection)

    for column in ("complete_by", "look_at"):
        assert one(connection, SOON.format(column, 62, "inflight")) is True
        assert not one(connection, SOON.format(column, 50, "inflight"))


def test_a_result_that_was_reported_while_the_clock_was_ahead_is_applied_at_once(
    clock_harness: ClockHarness,
) -> None:
    connection = clock_harness.connection
    book(connection, clock_harness.account, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET completion = 'succeeded'")
    begun = one(connection, "SELECT now()")
    clock_harness.set(HOUR)
    outcome = settlement_of(run, None, 202)
    assert outcome.attempt is not None
    outcome = outcome._replace(
        retry_at=None,
        within=7200,
        complete_by=begun + timedelta(hours=2),
        attempt=outcome.attempt._replace(started_at=begun),
    )
    settle(connection, [outcome])
    clock_harness.set(0.0)

    repair(connection)

    assert one(connection, SOON.format("look_at", 1, "inflight")) is True


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_run_claimed_while_the_clock_was_ahead_is_checked_within_a_lease(
    clock_harness: ClockHarness, *, is_taken: bool
) -> None:
    connection = clock_harness.connection
    book(connection, clock_harness.account, due_in=-1)
    clock_harness.set(HOUR)
    claimed = claim_all(connection)
    if is_taken:
        take(connection, [(each.run_id, each.token) for each in claimed])
    clock_harness.set(0.0)

    repair(connection)

    columns = ("lease_until", "look_at") if is_taken else ("look_at",)
    for column in columns:
        assert one(connection, SOON.format(column, 6, "inflight")) is True, column


def test_a_retry_parked_while_the_clock_was_ahead_waits_no_longer_than_it_was_parked_for(
    clock_harness: ClockHarness,
) -> None:
    connection = clock_harness.connection
    book(connection, clock_harness.account, due_in=-1)
    clock_harness.set(HOUR)
    (run,) = claim_and_take(connection)
    # As the retry after an attempt that was made then.
    connection.execute("UPDATE inflight SET send_at = clock_timestamp()")
    park(connection, [back(run)])
    clock_harness.set(0.0)

    repair(connection)

    for column, seconds in (("planned_at", 1), ("send_at", 61), ("look_at", 61)):
        assert one(connection, SOON.format(column, seconds, "inflight")) is True, column


def test_a_secret_that_was_rotated_while_the_clock_was_ahead_ends_in_time(
    clock_harness: ClockHarness,
) -> None:
    connection = clock_harness.connection
    insert = (
        "INSERT INTO signing_secret (account_id, sealed, expires_at)"
        " VALUES (%s, %s, clock_timestamp() + %s::interval) RETURNING id"
    )
    retired = one(connection, insert, clock_harness.account, "first", "600 s")
    clock_harness.set(HOUR)
    leaked = one(connection, insert, clock_harness.account, "second", "0 s")
    lasting = one(connection, insert, clock_harness.account, "third", "60 s")
    current = one(connection, insert, clock_harness.account, "fourth", None)
    clock_harness.set(0.0)
    # The successor of the first secret was made before the clock leapt.
    connection.execute(
        "UPDATE signing_secret SET created_at = created_at - interval '1 h' WHERE id = %s",
        (leaked,),
    )

    for _ in range(2):
        repair(connection)

    ends = "SELECT expires_at - pg_catalog.clock_timestamp() FROM signing_secret WHERE id = %s"
    assert timedelta(seconds=590) < one(connection, ends, retired) <= timedelta(seconds=600)
    assert one(connection, ends, leaked) <= timedelta(0)
    assert timedelta(seconds=50) < one(connection, ends, lasting) <= timedelta(seconds=61)
    assert one(connection, ends, current) is None
    ahead = "SELECT count(*) FROM signing_secret WHERE created_at > pg_catalog.clock_timestamp()"
    assert one(connection, ahead) == 0


def test_a_firing_that_was_postponed_while_the_clock_was_ahead_is_made_in_time(
    clock_harness: ClockHarness,
) -> None:
    connection = clock_harness.connection
    clock_harness.set(HOUR)
    for _ in range(3):
        clock_harness.cron(due_in=HOUR - 1)
    limits = FiringLimits(of={clock_harness.account: Allowed(per_second=1)})
    made = claim(connection, budget=10, ahead=0.3, unreadable=lambda *_: None, limits=limits)
    assert len(made.runs) == 1
    assert one(connection, "SELECT count(*) FROM due WHERE owed_at IS NOT NULL") == 2
    clock_harness.set(0.0)

    repair(connection)

    assert one(connection, "SELECT count(*) FROM due WHERE owed_at IS NOT NULL") == 0
    soon = "SELECT count(*) FROM due WHERE next_at < pg_catalog.now() + interval '16 min'"
    assert one(connection, soon) == 2


def test_what_an_account_stores_is_counted_again_in_time(clock_harness: ClockHarness) -> None:
    connection = clock_harness.connection
    clock_harness.set(HOUR)
    connection.execute(
        "INSERT INTO usage (account_id) VALUES (%s)"
        " ON CONFLICT (account_id) DO UPDATE SET recounted_at = clock_timestamp()",
        (clock_harness.account,),
    )
    clock_harness.set(0.0)

    repair(connection)

    assert one(connection, SOON.format("recounted_at", 1, "usage")) is True


_IN_A_MINUTE = "clock_timestamp() + interval '60 s'"
ENDS = {
    "web_session.ends_at": f"(digest, user_id, ends_at) SELECT sha256('a'), id, {_IN_A_MINUTE}",
    "invitation.expires_at": f"(digest, expires_at) SELECT sha256('a'), {_IN_A_MINUTE}",
    "user_link.expires_at": "(user_id, purpose, digest, expires_at)"
    f" SELECT id, 'reset', sha256('a'), {_IN_A_MINUTE}",
    "outbox.next_at": "(recipient, subject, sealed) SELECT 'a@b.c', 'a', 'a'",
}


@pytest.mark.parametrize("place", ENDS)
def test_what_was_begun_for_a_user_while_the_clock_was_ahead_ends_in_time(
    clock_harness: ClockHarness, place: str
) -> None:
    connection, (table, column) = clock_harness.connection, place.split(".")
    connection.execute("INSERT INTO web_user (email, password) VALUES ('a@b.c', '$argon2id$a')")
    clock_harness.set(HOUR)
    connection.execute(f"INSERT INTO {table} {ENDS[place]} FROM web_user")
    clock_harness.set(0.0)

    for _ in range(2):
        repair(connection)

    assert one(connection, SOON.format(column, 125 if table == "outbox" else 62, table)) is True
    ahead_by = f"SELECT {column} - pg_catalog.clock_timestamp() FROM {table}"
    assert one(connection, ahead_by) > timedelta(seconds=40)


def ahead(connection: psycopg.Connection) -> datetime:
    now: datetime = one(connection, "SELECT now()")
    return now


RELATIVE: dict[str, tuple[Times, float]] = {
    "an interval": (Times(schedule="@every 10m"), 600),
    "a due time": (Times(due_time="60s"), 60),
    "a due time of now": (Times(due_time="0s"), 0),
    "a due time with an interval": (Times(schedule="@every 10m", due_time="60s"), 60),
    "an end": (Times(schedule="@every 10m", ttl="15m"), 600),
    "an end after a due time": (Times(schedule="@every 10m", due_time="60s", ttl="15m"), 60),
}


@pytest.mark.parametrize(("times", "first"), RELATIVE.values(), ids=RELATIVE)
def test_times_that_are_relative_to_the_booking_count_from_now_when_the_clock_is_set_back(
    clock_harness: ClockHarness, times: Times, first: float
) -> None:
    connection = clock_harness.connection
    clock_harness.set(HOUR)
    booked = dapr_booking.book(times, ahead(connection))
    job_id = book_dapr(clock_harness, booked.trigger, booked.first, times)
    clock_harness.set(0.0)

    repair(connection)

    now = ahead(connection)
    left = (one(connection, "SELECT next_at FROM due") - now).total_seconds()
    assert first - 20 < left <= first
    stored = one(connection, "SELECT trigger FROM job WHERE id = %s", job_id)
    if times.ttl is not None:
        until = datetime.fromisoformat(stored["until"])
        assert timedelta(minutes=14) < until - now < timedelta(minutes=16, seconds=1)
    # Booked by the right clock, nothing changes.
    repair(connection)
    assert one(connection, "SELECT trigger FROM job WHERE id = %s", job_id) == stored


def test_times_that_were_given_as_instants_stay_when_the_clock_is_set_back(
    clock_harness: ClockHarness,
) -> None:
    connection = clock_harness.connection
    due = in_seconds(2 * HOUR)
    times = Times(schedule="@every 10m", due_time=due.isoformat())
    clock_harness.set(HOUR)
    booked = dapr_booking.book(times, ahead(connection))
    book_dapr(clock_harness, booked.trigger, booked.first, times)
    clock_harness.set(0.0)

    repair(connection)

    assert one(connection, "SELECT next_at FROM due") == due


def test_intervals_of_fusion_jobs_without_a_start_count_from_now_when_the_clock_is_set_back(
    clock_harness: ClockHarness,
) -> None:
    connection = clock_harness.connection
    job_id = clock_harness.cron(900)
    clock_harness.set(HOUR)
    interval = ByInterval(start=ahead(connection), every=10, unit=Unit.MINUTE, given=False)
    given = replace(interval, start=in_seconds(2 * HOUR), given=True)
    trigger = TimeTriggers(triggers=(interval, given))
    first = next_after(trigger, ahead(connection))
    connection.execute(
        "UPDATE job SET trigger = %s, dialect = 'fusion', name = 'task:tidy', written = '{}'"
        " WHERE id = %s",
        (Jsonb(to_document(trigger)), job_id),
    )
    connection.execute("UPDATE due SET next_at = %s", (first,))
    clock_harness.set(0.0)

    repair(connection)

    left = one(connection, "SELECT next_at FROM due") - ahead(connection)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    stored = from_document(one(connection, "SELECT trigger FROM job"))
    assert isinstance(stored, TimeTriggers)
    assert stored.triggers[1] == given


def book_dapr(clock_harness: ClockHarness, trigger: Trigger, first: datetime, times: Times) -> UUID:
    """A Dapr job as a request books it."""
    written = {"schedule": times.schedule, "dueTime": times.due_time, "ttl": times.ttl}
    job_id = clock_harness.cron(900)
    clock_harness.connection.execute(
        "UPDATE job SET trigger = %s, dialect = 'dapr', name = 'tidy', endpoint = 'shop',"
        " written = %s",
        (
            Jsonb(to_document(trigger)),
            Jsonb({name: text for name, text in written.items() if text is not None}),
        ),
    )
    clock_harness.connection.execute(
        "UPDATE due SET next_at = %s, recurring = %s", (first, is_recurring(trigger))
    )
    return job_id
