"""Workers as processes that are asked to stop, once, twice at once, and again later."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from app.stop_requests import REPEATED_WITHIN_S
from tests.factories import connect, one
from tests.receiver import Receiver
from tests.workers.processes import PATIENCE_S, book_calls, environment, start
from tests.workers.test_rq_worker import until
from tests.workers.test_runtime import answer_after


@pytest.fixture
def environ(database: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return environment(database, redis_url, tmp_path, WAKECALL_GRACE="60")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def release() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


@pytest.fixture
def receiver(release: threading.Event) -> Iterator[Receiver]:
    with Receiver(answer_after(release)) as made:
        yield made


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """A worker with a call under way, beside a scheduler; `log` is what both write."""

    worker: subprocess.Popen[bytes]
    log: Path
    start: Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def stopping(
    connection: psycopg.Connection, environ: dict[str, str], receiver: Receiver, tmp_path: Path
) -> Iterator[Stopping]:
    book_calls(connection, environ, receiver, 1, due_in=1)
    log = tmp_path / "worker.log"
    with ExitStack() as stack, log.open("wb") as stderr:

        def begin(name: str) -> subprocess.Popen[bytes]:
            return start(stack, environ, stderr.fileno(), "-m", f"workers.{name}")

        begin("scheduler")
        worker = begin("worker")
        receiver.wait_for(1, PATIENCE_S)
        yield Stopping(worker=worker, log=log, start=begin)


def test_only_a_later_signal_asks_a_worker_to_hurry(
    stopping: Stopping,
    connection: psycopg.Connection,
    receiver: Receiver,
    release: threading.Event,
) -> None:
    worker, log = stopping.worker, stopping.log
    worker.send_signal(signal.SIGTERM)
    worker.send_signal(signal.SIGINT)
    until(lambda: "process.stopping" in log.read_text())
    # Counted from when the worker has met the first two, which a busy machine may delay.
    at = time.monotonic()
    until(lambda: time.monotonic() > at + 2 * REPEATED_WITHIN_S)
    assert worker.poll() is None
    assert log.read_text().count("process.stopping") == 1

    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_S) == 0
    query = "SELECT attempts, reclaims, lease_until FROM inflight"
    assert connection.execute(query).fetchall() == [(0, 0, None)]

    stopping.start("worker")
    receiver.wait_for(2, PATIENCE_S)
    release.set()
    until(lambda: one(connection, "SELECT count(*) FROM run WHERE state = 'succeeded'") == 1)
    first, second = (each.header("webhook-id") for each in receiver.requests)
    assert first == second


def test_a_call_goes_on_while_a_worker_is_asked_to_stop_from_several_sides_at_once(
    stopping: Stopping,
    connection: psycopg.Connection,
    receiver: Receiver,
    release: threading.Event,
) -> None:
    for _ in range(3):
        stopping.worker.send_signal(signal.SIGTERM)
    until(lambda: "process.stopping" in stopping.log.read_text())
    release.set()

    assert stopping.worker.wait(PATIENCE_S) == 0
    assert one(connection, "SELECT state FROM run") == "succeeded"
    assert len(receiver.requests) == 1
