"""The database's clock leaps, for a minute or for good: what scheduler and repairs do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import Mock
from uuid import UUID

import psycopg
import pytest
import structlog
from psycopg.types.json import Jsonb

from app.domain import counters
from app.domain.dapr.schedule import DaprSchedule
from app.domain.trigger import to_document
from app.store.clock_steps import bring_back, rearm_ahead
from app.store.inflight import cancel_all
from app.store.settling import settle
from app.store.takes import take
from tests import stepped_clock
from tests.factories import book, claim_all, claim_and_take, connect, in_seconds, one
from tests.store.test_settling import settlement_of
from tests.workers.clock_harness import HOUR, YEAR, ClockHarness


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    stepped_clock.install(database)
    with connect(database) as opened:
        yield opened


@pytest.fixture
def harness(database: str, connection: psycopg.Connection) -> Iterator[ClockHarness]:
    made = ClockHarness(database, connection)
    yield made
    made.reconnecting.close()


@pytest.mark.parametrize("step", [HOUR, YEAR])
def test_nothing_is_called_that_only_a_leaping_clock_says_is_due(
    harness: ClockHarness, step: float
) -> None:
    once = book(harness.connection, harness.account, due_in=step / 2)
    cron = harness.cron(due_in=step / 2)
    due = harness.cron(due_in=-1)
    before = harness.next_of(once), harness.next_of(cron)

    harness.set(step)
    with structlog.testing.capture_logs() as logs:
        harness.scheduler.tick()

    assert (harness.next_of(once), harness.next_of(cron)) == before
    # What is due by the clock as it was is called, and goes on from there.
    assert len(harness.notifier.notified) == 1
    assert one(harness.connection, "SELECT job_id FROM inflight") == due
    soon = "SELECT next_at < pg_catalog.now() + interval '16 min' FROM due WHERE job_id = %s"
    assert one(harness.connection, soon, due) is True
    (line,) = [each for each in logs if each["event"] == "database.clock_stepped"]
    assert line["believed"] is False
    assert line["seconds"] == pytest.approx(step, abs=60)


def test_a_clock_that_leapt_for_good_is_gone_by_after_a_while(harness: ClockHarness) -> None:
    book(harness.connection, harness.account, due_in=HOUR / 2)
    harness.set(HOUR)
    harness.scheduler.tick()
    harness.wait(200)
    harness.scheduler.tick()
    assert harness.notifier.notified == []

    harness.wait(101)
    with structlog.testing.capture_logs() as logs:
        harness.scheduler.tick()

    assert len(harness.notifier.notified) == 1
    assert "database.clock_believed" in {each["event"] for each in logs}
    harness.wait(2)
    harness.scheduler.tick()
    counted = "SELECT total FROM tally WHERE name = %s AND label = 'forward'"
    assert one(harness.connection, counted, counters.CLOCK_STEP) == 1


def test_leases_are_not_judged_by_a_clock_that_leapt(harness: ClockHarness) -> None:
    harness.wait(6)
    harness.scheduler.tick()
    book(harness.connection, harness.account, due_in=-1)
    claim_and_take(harness.connection)
    harness.connection.execute("UPDATE inflight SET look_at = now()")

    # So small a step is believed, but says nothing of leases.
    harness.set(harness.ahead + 30)
    harness.scheduler.tick()

    assert one(harness.connection, "SELECT state FROM inflight") == "taken"


def test_a_job_that_was_armed_by_a_wrong_clock_is_armed_again_when_it_is_set_back(
    harness: ClockHarness,
) -> None:
    called, withdrawn, right = (harness.cron(due_in=-1) for _ in range(3))
    # A scheduler that was started while the clock was wrong knows no other.
    harness.set(YEAR)
    claimed = claim_all(harness.connection)
    runs = take(harness.connection, [(each.run_id, each.token) for each in claimed])
    settle(harness.connection, [settlement_of(run) for run in runs])
    harness.connection.execute("UPDATE run SET state = 'cancelled' WHERE job_id = %s", (withdrawn,))
    later = in_seconds(800)
    harness.connection.execute("UPDATE due SET next_at = %s WHERE job_id = %s", (later, right))
    harness.scheduler.tick()

    harness.set(0.0)
    harness.scheduler.tick()
    harness.repairs.run_once()

    for job_id in (called, withdrawn, right):
        soon = "SELECT next_at < now() + interval '15 min' FROM due WHERE job_id = %s"
        assert one(harness.connection, soon, job_id) is True
    assert one(harness.connection, "SELECT total FROM tally WHERE name = 'repair'") >= 2
    assert harness.clock_watch.steps_back == []


def test_a_firing_that_a_wrong_clock_made_is_not_made_again(harness: ClockHarness) -> None:
    job_id = harness.cron(due_in=-1)
    ahead = one(harness.connection, "SELECT date_bin('15 min', now(), 'epoch') + interval '15 min'")
    harness.connection.execute("UPDATE due SET next_at = %s", (ahead,))
    harness.set(YEAR)
    settle(harness.connection, [settlement_of(run) for run in claim_and_take(harness.connection)])

    harness.set(0.0)
    assert rearm_ahead(harness.connection, has_ended=lambda: False, unreadable=fail) == 1

    assert harness.next_of(job_id) == ahead + timedelta(minutes=15)
    assert rearm_ahead(harness.connection, has_ended=lambda: False, unreadable=fail) == 0


def test_ticks_that_another_tick_s_run_made_are_not_made_again(harness: ClockHarness) -> None:
    job_id = harness.cron(due_in=-1)
    start = in_seconds(-60)
    ticks = to_document(DaprSchedule(schedule="@every 1s", start=start))
    harness.connection.execute(
        "UPDATE job SET trigger = %s, dialect = 'dapr', name = 'tidy', endpoint = 'shop',"
        " written = '{}'",
        (Jsonb(ticks),),
    )
    harness.set(HOUR)
    settle(harness.connection, [settlement_of(run) for run in claim_and_take(harness.connection)])
    # One run stands for half an hour of ticks.
    made, following = in_seconds(HOUR / 4), in_seconds(HOUR * 3 / 4)
    harness.connection.execute("UPDATE run SET due_at = %s", (made,))
    harness.connection.execute("UPDATE due SET next_at = %s", (following,))

    harness.set(0.0)
    assert rearm_ahead(harness.connection, has_ended=lambda: False, unreadable=fail) == 0
    assert harness.next_of(job_id) == following

    harness.connection.execute("DELETE FROM run")
    assert rearm_ahead(harness.connection, has_ended=lambda: False, unreadable=fail) == 1
    assert one(harness.connection, "SELECT next_at < now() + interval '2 s' FROM due") is True


def fail(job_id: UUID, error: Exception) -> None:
    raise AssertionError(f"{job_id}: {error}")


def brought_back(connection: psycopg.Connection) -> int:
    failed = Mock()
    number = bring_back(connection, step=YEAR, failed=failed)
    assert failed.mock_calls == []
    return number


def test_what_is_under_way_goes_on_when_the_clock_is_set_back(harness: ClockHarness) -> None:
    connection = harness.connection
    waiting, leased, asked = (book(connection, harness.account, due_in=-1) for _ in range(3))
    harness.set(YEAR)
    first, second, third = sorted(
        claim_and_take(connection), key=lambda run: (waiting, leased, asked).index(run.job_id)
    )
    now = one(connection, "SELECT now()")
    failed = settlement_of(first, None, 500)
    attempt = failed.attempt
    assert attempt is not None
    retried = failed._replace(
        retry_at=now + timedelta(seconds=60), attempt=attempt._replace(started_at=now)
    )
    settle(connection, [retried])
    connection.execute(
        "UPDATE inflight SET state = 'claimed', lease_until = NULL, kind = 'manual',"
        " due_at = now(), send_at = now(), look_at = now() WHERE id = %s",
        (third.id,),
    )

    harness.set(0.0)
    assert brought_back(connection) == 3

    seconds = "SELECT date_part('epoch', {} - now()) FROM inflight WHERE id = %s"
    assert 50 < one(connection, seconds.format("send_at"), first.id) < 61
    assert 50 < one(connection, seconds.format("look_at"), first.id) < 61
    assert one(connection, "SELECT started_at <= clock_timestamp() FROM attempt") is True
    assert 0 < one(connection, seconds.format("lease_until"), second.id) < 6
    assert one(connection, seconds.format("look_at"), second.id) < 6
    assert one(connection, seconds.format("send_at"), third.id) < 1
    assert one(connection, seconds.format("look_at"), third.id) < 1
    assert brought_back(connection) == 0


def test_what_a_call_under_way_comes_to_after_the_clock_was_set_back_is_brought_back(
    harness: ClockHarness,
) -> None:
    connection = harness.connection
    harness.set(HOUR)
    harness.scheduler.tick()
    book(connection, harness.account, due_in=-1)
    (run,) = claim_and_take(connection)
    begun = one(connection, "SELECT now()")
    harness.set(0.0)
    harness.scheduler.tick()
    harness.repairs.run_once()
    failed = settlement_of(run, None, 500)
    assert failed.attempt is not None
    retried = failed._replace(
        retry_at=begun + timedelta(seconds=5), attempt=failed.attempt._replace(started_at=begun)
    )
    settle(connection, [retried])
    waits = "SELECT date_part('epoch', send_at - now()) FROM inflight"
    assert one(connection, waits) > HOUR - 60

    harness.repairs.run_once()
    assert one(connection, waits) > HOUR - 60
    harness.wait(60.0)
    harness.repairs.run_once()

    assert one(connection, waits) < 6


@pytest.mark.parametrize("kind", ["retried", "cancelled", "completed"])
def test_a_run_whose_check_time_alone_is_ahead_is_checked_soon(
    harness: ClockHarness, kind: str
) -> None:
    connection = harness.connection
    book(connection, harness.account, due_in=-1)
    (run,) = claim_and_take(connection)
    begun = one(connection, "SELECT now()")
    harness.set(HOUR)
    failed = settlement_of(run, None, 500)
    assert failed.attempt is not None
    if kind == "completed":
        connection.execute("UPDATE inflight SET completion = 'succeeded'")
    settle(
        connection,
        [
            failed._replace(
                retry_at=begun + timedelta(seconds=60),
                attempt=failed.attempt._replace(started_at=begun),
            )
        ],
    )
    if kind == "cancelled":
        cancel_all(connection, run.job_id, "it was deleted")
    harness.set(0.0)
    checked_in = "SELECT date_part('epoch', look_at - clock_timestamp()) FROM inflight"
    assert one(connection, checked_in) > HOUR - 10

    assert brought_back(connection) == 1

    assert one(connection, checked_in) < (61 if kind == "retried" else 1)
    assert brought_back(connection) == 0
