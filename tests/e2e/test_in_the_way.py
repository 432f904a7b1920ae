"""Rows that are locked for long, and an account that aborts runs as fast as it can."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest

from tests.e2e.conftest import Report
from tests.e2e.firings import arrivals, await_settled, book_many, job_of, steadily
from tests.e2e.fusion import act, at_runner, saved
from tests.e2e.instance import Instance, until
from tests.e2e.sink import Sink
from tests.factories import one
from tests.receiver import Receiver

MAX_P99_S = 0.6
"""Before, half of the calls were later than a second, or none was made at all."""

ABORTED = 150_000
_ABORTED_IN_FIVE_MINUTES = """
INSERT INTO aborted (run_id, token, aborted_at)
SELECT gen_random_uuid(), 2, clock_timestamp() - interval '20 s' - n * interval '1.8 ms'
FROM generate_series(1, %s) n
"""
_CANCEL = """
UPDATE inflight SET cancelled_at = clock_timestamp(), look_at = clock_timestamp() WHERE job_id = %s
"""
_LOCK = "SELECT FROM due WHERE job_id = ANY (%s) FOR UPDATE"


def p99(late: list[float]) -> float:
    return late[int(len(late) * 0.99)]


def in_flight(connection: psycopg.Connection, job: UUID, state: str) -> bool:
    query = "SELECT count(*) FROM inflight WHERE job_id = %s AND state = %s"
    return bool(one(connection, query, job, state))


@pytest.mark.alone
def test_while_rows_are_locked_all_others_are_called_and_settled_on_time(
    running: Instance,
    receiver: Receiver,
    sink: Sink,
    connection: psycopg.Connection,
    report: Report,
) -> None:
    # Nobody listens there: it fails, and waits to be tried again.
    first = book_many(connection, "http://127.0.0.1:9/", steadily(1, 1, ahead=0.0))
    (ending,) = first
    until(lambda: in_flight(connection, ending, "waiting"), "it waits to be tried again")
    second = book_many(connection, receiver.url(), steadily(1, 1, ahead=1.5))
    (called,) = second
    until(lambda: in_flight(connection, called, "taken"), "a worker has it")
    with running.connect() as holder, holder.transaction():
        # Of the one the worker settles the end, of the other the scheduler.
        holder.execute(_LOCK, ([ending, called],))
        connection.execute(_CANCEL, (ending,))
        others = book_many(connection, sink.url(), steadily(50, 5))
        arrived = arrivals(sink, connection, others)
        await_settled(connection, others)
        # Both would have been waited for until here.
        assert in_flight(connection, ending, "waiting")
        assert in_flight(connection, called, "taken")

    await_settled(connection, {**first, **second})
    report(f"beside two locked jobs: {arrived.summary}")
    assert p99(arrived.lateness) < MAX_P99_S
    assert arrived.repeated == []
    assert [job_of(each) for each in receiver.requests] == [called]


@contextmanager
def aborting(running: Instance, resource: str) -> Iterator[list[int]]:
    """Start and abort this job over and over; the list grows by each time."""
    ended = threading.Event()
    done: list[int] = []

    def go() -> None:
        while not ended.is_set():
            act(running, resource)
            ended.wait(0.15)
            act(running, resource, "abort")
            done.append(1)

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join(30)


@pytest.mark.alone
def test_whatever_one_account_aborts_the_calls_of_others_begin_on_time(
    running: Instance,
    receiver: Receiver,
    sink: Sink,
    connection: psycopg.Connection,
    report: Report,
) -> None:
    at_runner(running, "datasource", receiver.url())
    saved(running, "datasource:restless")
    connection.execute(_ABORTED_IN_FIVE_MINUTES, (ABORTED,))
    with aborting(running, "datasource:restless") as aborted:
        others = book_many(connection, sink.url(), steadily(50, 5))
        arrived = arrivals(sink, connection, others)
    running.ask("DELETE", "/api/jobs/datasource:restless")
    connection.execute("DELETE FROM aborted")

    report(f"beside {ABORTED:,} aborts of five minutes and {len(aborted)} more: {arrived.summary}")
    assert len(aborted) > 5
    assert p99(arrived.lateness) < MAX_P99_S
    assert arrived.repeated == []
