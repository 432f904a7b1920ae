"""Processes killed, stopped and robbed in the midst of a steady stream of firings.

Each test shows that nothing is lost, nothing comes early, and nothing comes twice but what was on
the wire when the fault struck; and tells how late the latest firing was.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from tests.e2e.conftest import Report, at_home
from tests.e2e.extra_worker import second_worker
from tests.e2e.firings import (
    Jobs,
    arrivals,
    book_many,
    steadily,
)
from tests.e2e.instance import Instance, until
from tests.e2e.sink import Sink
from tests.factories import one
from tests.ports import free_port
from tests.receiver import Receiver, after, answer

pytestmark = pytest.mark.long

RATE = 80
SECONDS = 5.0
INTO_IT = 150
"""So many firings have come when the fault strikes."""

PROGRAMS = ("worker", "scheduler", "web", "valkey", "postgres")

RECOVERED = 45.0
"""Seconds of lateness that no fault here needs: a lease is five, a start two or three when idle."""


def stream(connection: psycopg.Connection, receiver: Receiver, seconds: float = SECONDS) -> Jobs:
    """A steady stream, of which some has come already."""
    jobs = book_many(connection, receiver.url(), steadily(RATE, seconds))
    receiver.wait_for(INTO_IT)
    return jobs


def test_a_killed_worker_loses_nothing_and_repeats_what_was_on_the_wire(
    battered: Instance, receiver: Receiver, connection: psycopg.Connection, report: Report
) -> None:
    receiver.default = after(0.3, answer(204))
    jobs = stream(connection, receiver)
    killed = battered.kill("worker")

    arrived = arrivals(receiver, connection, jobs, faults=[killed])
    report(arrived.summary)
    assert arrived.repeated
    assert arrived.lateness[-1] < RECOVERED


def test_a_killed_scheduler_loses_nothing(
    battered: Instance, sink: Sink, connection: psycopg.Connection, report: Report
) -> None:
    jobs = stream(connection, sink)
    battered.kill("scheduler")

    arrived = arrivals(sink, connection, jobs)
    report(arrived.summary)
    assert arrived.lateness[-1] < RECOVERED


def test_a_worker_that_slept_past_its_lease_sends_nothing_that_another_took_over(
    battered: Instance, sink: Sink, connection: psycopg.Connection, report: Report, tmp_path: Path
) -> None:
    with second_worker(battered, tmp_path / "second.log") as second:
        jobs = stream(connection, sink)
        second.send_signal(signal.SIGSTOP)
        stopped = time.time()
        held = one(connection, "SELECT count(*) FROM inflight WHERE state = 'taken'")
        time.sleep(8)
        second.send_signal(signal.SIGCONT)
        arrived = arrivals(sink, connection, jobs, faults=[stopped])
    report(f"{arrived.summary}; {held} were held by the two when one was stopped")
    assert held > 0
    assert arrived.lateness[-1] < RECOVERED


def test_a_crashed_database_loses_nothing(
    battered: Instance, sink: Sink, connection: psycopg.Connection, report: Report
) -> None:
    jobs = stream(connection, sink)
    before = battered.send("postgres", signal.SIGQUIT)
    crashed = time.time()
    until(lambda: battered.pid("postgres") not in {None, before}, "it is started again")
    battered.wait_until_ready()

    with battered.connect() as again:
        arrived = arrivals(sink, again, jobs, faults=[crashed])
    report(arrived.summary)
    assert arrived.lateness[-1] < RECOVERED


def test_notifications_that_are_deleted_all_the_time_are_not_missed(
    battered: Instance, sink: Sink, connection: psycopg.Connection, report: Report
) -> None:
    with Redis.from_url(battered.facts()["redis_url"]) as redis:
        jobs = book_many(connection, sink.url(), steadily(RATE, SECONDS))
        wiped = 0
        while len(sink.requests) < len(jobs) // 2:
            redis.flushall()
            wiped += 1
            time.sleep(0.001)  # often enough to come between a batch and its take

    arrived = arrivals(sink, connection, jobs)
    report(f"{arrived.summary}; wiped {wiped} times")
    assert wiped > 100
    assert arrived.lateness[-1] < RECOVERED


def test_a_redis_that_stops_for_ten_seconds_delays_no_run(
    battered: Instance, sink: Sink, connection: psycopg.Connection, report: Report
) -> None:
    jobs = stream(connection, sink, seconds=9.0)
    battered.send("valkey", signal.SIGSTOP)
    try:
        time.sleep(10)
        arrived_meanwhile = len(sink.requests)
    finally:
        battered.send("valkey", signal.SIGCONT)

    arrived = arrivals(sink, connection, jobs)
    report(f"{arrived.summary}; all but {len(jobs) - arrived_meanwhile} had come when it went on")
    assert arrived_meanwhile > 0.7 * len(jobs)
    assert arrived.lateness[-1] < RECOVERED


def test_a_killed_redis_delays_no_run(
    battered: Instance, sink: Sink, connection: psycopg.Connection, report: Report
) -> None:
    jobs = stream(connection, sink)
    before = battered.pid("valkey")
    battered.kill("valkey")

    arrived = arrivals(sink, connection, jobs)
    report(arrived.summary)
    assert arrived.lateness[-1] < RECOVERED
    until(lambda: battered.pid("valkey") not in {None, before}, "it is started again")


def test_without_redis_no_run_is_missed(tmp_path: Path, sink: Sink, report: Report) -> None:
    redis_url = f"redis://127.0.0.1:{free_port()}/0"
    with at_home(tmp_path / "home", REDIS_URL=redis_url) as instance:
        instance.start()
        instance.wait_until_ready()
        assert instance.ask("GET", "/readyz").body["redis"] is False
        with instance.connect() as connection:
            jobs = book_many(connection, sink.url(), steadily(RATE, 3.0))
            arrived = arrivals(sink, connection, jobs)
    report(arrived.summary)
    assert arrived.lateness[-1] < RECOVERED


def test_several_killed_at_random_lose_nothing(
    battered: Instance, sink: Sink, connection: psycopg.Connection, report: Report
) -> None:
    seed = time.time_ns()
    chance = random.Random(seed)
    victims = [*chance.sample(PROGRAMS, len(PROGRAMS)), chance.choice(PROGRAMS)]
    report(f"seed {seed}: {', '.join(victims)}")
    jobs = stream(connection, sink, seconds=8.0)
    killed = []
    for victim in victims:
        killed.append(battered.kill(victim))
        time.sleep(chance.uniform(0.1, 1.2))
    battered.wait_until_ready()

    with battered.connect() as again:
        # What came while the database was away waits for it to be settled.
        arrived = arrivals(sink, again, jobs, faults=killed, unsettled_for=15)
    report(arrived.summary)
    assert arrived.lateness[-1] < RECOVERED


def test_everything_killed_at_once_goes_on_with_the_next_start(
    battered: Instance, sink: Sink, connection: psycopg.Connection, report: Report
) -> None:
    jobs = stream(connection, sink)
    were = battered.tree()
    os.kill(were[0].pid, signal.SIGKILL)
    killed = time.time()
    battered.stop()
    until(lambda: battered.left_over(were) == [], "all its processes have ended")
    battered.start()
    battered.wait_until_ready()

    with battered.connect() as again:
        arrived = arrivals(sink, again, jobs, faults=[killed])
    report(arrived.summary)
    assert arrived.lateness[-1] < RECOVERED
