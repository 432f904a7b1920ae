"""A scheduler and a worker, as processes, of a database whose clock leaps by an hour."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from tests import stepped_clock
from tests.factories import book, connect, one
from tests.receiver import Receiver
from tests.workers.processes import PATIENCE_S, book_calls, environment, start
from tests.workers.test_rq_worker import until

HOUR = 3600.0


def hourly() -> str:
    """An expression that fires next in half an hour."""
    return f"0 {(datetime.now(UTC).minute + 30) % 60} * * * ?"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    stepped_clock.install(database)
    with connect(database) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


class Instance:
    """Both processes, and an account whose jobs call the receiver."""

    def __init__(
        self,
        stack: ExitStack,
        environ: dict[str, str],
        connection: psycopg.Connection,
        receiver: Receiver,
        folder: Path,
    ) -> None:
        self._connection = connection
        self._receiver = receiver
        self.log = folder / "log"
        stderr = stack.enter_context(self.log.open("ab"))
        self._processes = [
            start(stack, environ, stderr.fileno(), "-m", module)
            for module in ("workers.scheduler", "workers.worker")
        ]
        book_calls(connection, environ, receiver, 1)
        receiver.wait_for(1, PATIENCE_S)

    def book(self, due_in: float, cron: str | None = None) -> UUID:
        account = one(self._connection, "SELECT id FROM account")
        with self._connection.transaction():
            job_id = book(self._connection, account, due_in=due_in, cron=cron)
            self._connection.execute("UPDATE job SET url = %s", (self._receiver.url("/cb"),))
        return job_id

    def await_line(self, event: str) -> None:
        until(lambda: f'"event": "{event}"'.encode() in self.log.read_bytes())

    def calls(self) -> list[str | None]:
        return [request.header("wakecall-job") for request in self._receiver.requests]

    def end(self) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(PATIENCE_S) for process in self._processes] == [0, 0]


def test_an_hour_forward_and_back_loses_and_repeats_nothing(
    database: str,
    redis_url: str,
    connection: psycopg.Connection,
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        environ = environment(database, redis_url, tmp_path)
        instance = Instance(stack, environ, connection, receiver, tmp_path)
        later = instance.book(due_in=HOUR / 2)
        stepped_clock.set_clock(connection, ahead=HOUR)
        instance.await_line("database.clock_stepped")
        due = [instance.book(due_in=0.5), instance.book(due_in=0.5, cron=hourly())]
        receiver.wait_for(3, PATIENCE_S)

        stepped_clock.set_clock(connection, ahead=0.0)
        instance.await_line("clock.repaired")
        due.append(instance.book(due_in=0.5))
        receiver.wait_for(4, PATIENCE_S)
        until(lambda: one(connection, "SELECT count(*) FROM inflight") == 0)
        instance.end()

    assert sorted(instance.calls()[1:], key=str) == sorted(map(str, due))
    soon = "SELECT next_at < now() + interval '31 min' FROM due WHERE job_id = %s"
    assert one(connection, soon, due[1]) is True
    assert one(connection, "SELECT next_at > now() FROM due WHERE job_id = %s", later) is True


def test_an_hour_forward_for_good_is_gone_by_in_the_end(
    database: str,
    redis_url: str,
    connection: psycopg.Connection,
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        environ = environment(database, redis_url, tmp_path, WAKECALL_CLOCK_DOUBT="3")
        instance = Instance(stack, environ, connection, receiver, tmp_path)
        later = instance.book(due_in=HOUR / 2)
        stepped_at = time.time()
        stepped_clock.set_clock(connection, ahead=HOUR)
        instance.await_line("database.clock_believed")
        receiver.wait_for(2, PATIENCE_S)
        until(lambda: one(connection, "SELECT count(*) FROM inflight") == 0)
        instance.end()

    assert instance.calls()[1:] == [str(later)]
    assert receiver.requests[1].at > stepped_at + 3
