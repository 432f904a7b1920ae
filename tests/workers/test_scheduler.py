"""The scheduler: budgets, fairness, and leases that count only while the database answers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import psycopg
import pytest

from app.domain.timings.claiming import (
    CLAIM_BESIDE_OFFERS_S,
    CLAIM_BUDGET,
    CLAIMED_BESIDE_OFFERS,
    FAIR_CLAIM_S,
    ON_TIME_AT_ONCE,
)
from app.domain.timings.leases import LEASE
from app.domain.timings.notifying import DIVIDED_FROM
from app.store import heartbeats
from app.store.takes import Ticket, take
from tests.factories import add_account, book, connect, one
from tests.store.test_apart import slow_ends
from tests.workers.scheduler_harness import Leaping, SchedulerHarness, book_overdue, cancel
from workers.notifier import ON_TIME, OVERDUE, SUSPECT, batches
from workers.scheduler import Scheduler


@pytest.fixture
def harness(database: str) -> Iterator[SchedulerHarness]:
    made = SchedulerHarness(database)
    yield made
    made.reconnecting.close()


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def test_a_tick_claims_and_notifies(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    account = add_account(connection)
    book(connection, account, due_in=0.2)
    book(connection, account, due_in=-60)

    tick = harness.scheduler.tick()

    assert (tick.claimed, tick.busy) == (2, False)
    assert [len(harness.notifier.notified[name]) for name in (ON_TIME, OVERDUE)] == [1, 1]
    assert one(connection, "SELECT process FROM heartbeat") == "scheduler"


def test_what_is_due_together_is_divided_between_the_workers(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    account = add_account(connection)
    for number in range(3):
        heartbeats.beat(connection, "worker", f"{number}")
    for _ in range(ON_TIME_AT_ONCE + 4 * DIVIDED_FROM):
        book(connection, account, due_in=0.2)

    harness.scheduler.tick()

    assert harness.notifier.sizes == [ON_TIME_AT_ONCE, 134, 133, 133]
    assert len(set(harness.notifier.all)) == ON_TIME_AT_ONCE + 4 * DIVIDED_FROM


@pytest.mark.parametrize(
    ("runs", "workers", "sizes"),
    [
        *((0, 2, []), (199, 2, [199]), (200, 2, [100, 100])),
        *((1001, 2, [334, 334, 333]), (800, 9, [100] * 8)),
    ],
)
def test_batches_are_neither_large_nor_very_small(
    runs: int, workers: int, sizes: list[int]
) -> None:
    made = batches(range(runs), workers)

    assert [len(each) for each in made] == sizes
    assert sorted(number for each in made for number in each) == list(range(runs))
    assert [each[0] for each in made] == list(range(len(sizes))), "each has some of every moment"


def test_two_schedulers_notify_each_run_once(
    harness: SchedulerHarness, connection: psycopg.Connection, database: str
) -> None:
    account = add_account(connection)
    for _ in range(20):
        book(connection, account, due_in=-1)
    beside = SchedulerHarness(database)

    harness.scheduler.tick()
    beside.scheduler.tick()

    to_notify = harness.notifier.all + beside.notifier.all
    assert len(to_notify) == len(set(to_notify)) == 20
    beside.reconnecting.close()


def test_the_queue_of_overdue_runs_keeps_its_budget_and_neighbours_get_through(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    hog, neighbour = add_account(connection, "hog"), add_account(connection, "neighbour")
    book_overdue(connection, hog, CLAIM_BUDGET + 500)

    assert harness.scheduler.tick().busy is True
    book(connection, neighbour, due_in=-0.1)
    harness.clock.now += FAIR_CLAIM_S
    harness.scheduler.tick()

    assert len(harness.notifier.notified[OVERDUE]) == CLAIM_BUDGET
    assert len(harness.notifier.notified[ON_TIME]) == 1

    take(connection, harness.notifier.notified[OVERDUE])
    harness.scheduler.tick()
    assert len(harness.notifier.notified[OVERDUE]) == CLAIM_BUDGET + 500


def test_what_is_overdue_is_offered_to_the_workers_and_claimed_now_and_then(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    hog, neighbour = add_account(connection, "hog"), add_account(connection, "neighbour")
    book_overdue(connection, hog, CLAIM_BUDGET + 1000)
    harness.notifier.takes_offers = True
    assert harness.scheduler.tick().busy is True
    take(connection, harness.notifier.notified[OVERDUE])
    book(connection, neighbour, due_in=0.1)
    harness.clock.now += FAIR_CLAIM_S

    offering = harness.scheduler.tick()

    assert offering.busy is False
    assert len(harness.notifier.notified[OVERDUE]) == CLAIM_BUDGET
    (slots,) = harness.notifier.offers
    overdue = one(connection, "SELECT count(*) FROM due WHERE slot BETWEEN %s AND %s", *slots)
    assert overdue == 1000
    (on_time,) = harness.notifier.notified[ON_TIME][-1:]
    assert one(connection, "SELECT account_id FROM inflight WHERE id = %s", on_time[0]) == neighbour

    harness.clock.now += CLAIM_BESIDE_OFFERS_S
    harness.scheduler.tick()
    assert len(harness.notifier.notified[OVERDUE]) == CLAIM_BUDGET + CLAIMED_BESIDE_OFFERS
    assert len(harness.notifier.offers) == 1


def test_nothing_is_offered_that_workers_cannot_begin_by_themselves(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    account = add_account(connection)
    book_overdue(connection, account, CLAIM_BUDGET + 500)
    harness.notifier.takes_offers = True
    harness.scheduler.tick()
    take(connection, harness.notifier.notified[OVERDUE])
    connection.execute("UPDATE due SET recurring = true WHERE next_at IS NOT NULL")

    assert harness.scheduler.tick().claimed == 500
    assert harness.notifier.offers == []


def test_leases_count_only_after_a_whole_lease_of_answers(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    book(connection, add_account(connection), due_in=-1)
    harness.scheduler.tick()
    take(connection, harness.notifier.all)
    connection.execute(
        "UPDATE inflight SET lease_until = clock_timestamp() - interval '1 hour',"
        " look_at = clock_timestamp()"
    )

    harness.scheduler.tick()
    assert one(connection, "SELECT state FROM inflight") == "taken"

    harness.clock.now = LEASE.total_seconds() + 0.1
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    harness.scheduler.tick()
    assert one(connection, "SELECT state FROM inflight") == "claimed"
    assert one(connection, "SELECT reclaims FROM inflight") == 1


def test_after_the_database_was_away_leases_start_to_count_again(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    book(connection, add_account(connection), due_in=-1)
    harness.scheduler.tick()
    take(connection, harness.notifier.all)
    harness.clock.now = 60.0
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'wakecall scheduler'"
    )
    with pytest.raises(psycopg.OperationalError):
        harness.scheduler.tick()
    connection.execute(
        "UPDATE inflight SET lease_until = clock_timestamp() - interval '1 hour',"
        " look_at = clock_timestamp()"
    )

    harness.scheduler.tick()

    assert one(connection, "SELECT state FROM inflight") == "taken"


def test_a_claim_that_took_long_puts_off_the_judging_of_leases(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    account = add_account(connection)
    book(connection, account, due_in=-1)
    harness.scheduler.tick()
    take(connection, harness.notifier.all)
    connection.execute(
        "UPDATE inflight SET lease_until = clock_timestamp() - interval '1 hour',"
        " look_at = clock_timestamp()"
    )

    # A clock that leaps whenever it is read: each statement seems to have taken seven seconds.
    slow = Scheduler(harness.reconnecting, harness.notifier, "slow", clock=Leaping(harness.clock))
    harness.clock.now += LEASE.total_seconds() + 0.1
    book(connection, account, due_in=-1)

    assert slow.tick().claimed == 1

    states = connection.execute("SELECT state FROM inflight ORDER BY state").fetchall()
    assert states == [("claimed",), ("taken",)]


def test_a_run_reclaimed_twice_is_notified_as_a_suspect(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    book(connection, add_account(connection), due_in=-1)
    harness.scheduler.tick()
    connection.execute(
        "UPDATE inflight SET reclaims = 1, state = 'taken', look_at = clock_timestamp(),"
        " lease_until = clock_timestamp() - interval '1 s'"
    )
    harness.clock.now = 60.0

    harness.scheduler.tick()

    assert len(harness.notifier.notified[SUSPECT]) == 1


def test_a_run_that_cannot_be_settled_is_put_off_and_stops_nobody(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    account = add_account(connection)
    book(connection, account, due_in=-1)
    harness.scheduler.tick()
    cancel(connection)
    connection.execute("ALTER TABLE run ADD CONSTRAINT never CHECK (state <> 'cancelled')")
    book(connection, account, due_in=-1)
    try:
        assert harness.scheduler.tick().claimed == 1
        assert one(connection, "SELECT count(*) FROM inflight WHERE look_at < now()") == 0
    finally:
        connection.execute("ALTER TABLE run DROP CONSTRAINT never")


def test_what_a_scheduler_ended_is_counted_when_it_stops(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    book(connection, add_account(connection), due_in=-1)
    harness.scheduler.tick()
    cancel(connection)
    harness.scheduler.tick()

    harness.scheduler.close()

    counted = "SELECT total FROM tally WHERE name = 'run' AND label = 'cancelled'"
    assert one(connection, counted) == 1


def test_while_a_job_is_locked_only_its_own_end_waits(
    harness: SchedulerHarness, connection: psycopg.Connection, database: str
) -> None:
    account = add_account(connection)
    job_id = book(connection, account, due_in=-1)
    harness.scheduler.tick()
    cancel(connection)
    with connect(database) as other, other.transaction():
        other.execute("SELECT FROM due WHERE job_id = %s FOR UPDATE", (job_id,))
        for _ in range(3):
            book(connection, account, due_in=-1)
            began = time.monotonic()
            assert harness.scheduler.tick().claimed == 1
            # It would have waited for as long as the row is locked.
            assert time.monotonic() - began < 2
        assert one(connection, "SELECT count(*) FROM run") == 0
        assert one(connection, "SELECT count(*) FROM inflight WHERE look_at <= now()") == 0

    connection.execute("UPDATE inflight SET look_at = now() WHERE cancelled_at IS NOT NULL")
    harness.scheduler.tick()
    assert one(connection, "SELECT state FROM run") == "cancelled"


def test_workers_are_notified_before_ended_runs_are_settled(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    account = add_account(connection)
    book(connection, account, due_in=-1)
    book(connection, account, due_in=-1)
    harness.scheduler.tick()
    cancel(connection, "WHERE id = (SELECT min(id::text)::uuid FROM inflight)")
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    book(connection, account, due_in=-1)
    settled: list[int] = []
    notify = harness.notifier.notify

    def notify_and_check(name: str, tickets: Sequence[Ticket]) -> None:
        settled.append(one(connection, "SELECT count(*) FROM run"))
        notify(name, tickets)

    harness.notifier.notify = notify_and_check  # type: ignore[method-assign] # the test listens

    harness.scheduler.tick()

    assert settled == [0, 0]
    assert one(connection, "SELECT count(*) FROM run") == 1


def test_an_end_that_takes_too_long_is_put_off(
    harness: SchedulerHarness, connection: psycopg.Connection
) -> None:
    account = add_account(connection)
    book(connection, account, due_in=-1)
    harness.scheduler.tick()
    cancel(connection, reason="slow")
    with slow_ends(connection):
        book(connection, account, due_in=-1)
        assert harness.scheduler.tick().claimed == 1

        assert len(harness.notifier.all) == 2
        assert one(connection, "SELECT count(*) FROM inflight WHERE look_at < now()") == 0
        assert one(connection, "SELECT count(*) FROM run") == 0
