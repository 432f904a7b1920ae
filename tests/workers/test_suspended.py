"""A worker that is stopped beyond its lease while its run is deleted: it does not call it.

Stopped by SIGSTOP, and as a machine is that was suspended or moved: there its clocks stand still
meanwhile, but for the one that is set when it goes on.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from app.store.rescue import check
from app.store.settling import settle
from tests.factories import book, claim_all, connect, one
from tests.receiver import Receiver
from tests.workers.processes import PATIENCE_S, book_calls, environment, start
from tests.workers.test_rq_worker import until
from workers.notifier import ON_TIME, Notifier, redis_client

SOON = "SELECT send_at - clock_timestamp() < interval '2.7 s' FROM inflight"
WORKER = "from workers import worker\nworker.main()\n"
STANDING_STILL = """
import threading, time

real, lock = time.clock_gettime, threading.Lock()
last, lost = real(time.CLOCK_MONOTONIC), 0.0

def standing_still(*_):
    global last, lost
    with lock:
        now = real(time.CLOCK_MONOTONIC)
        lost += now - last if now - last > 2 else 0.0
        last = now
        return now - lost

time.clock_gettime = time.monotonic = standing_still
"""


@pytest.fixture
def environ(database: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return environment(database, redis_url, tmp_path)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def ended(connection: psycopg.Connection) -> str | None:
    """How the run has ended, once its lease is over, as the scheduler finds it."""
    settle(connection, check(connection, limit=10, leases_count=True).ended)
    state: str | None = one(connection, "SELECT state FROM run")
    return state


@pytest.mark.parametrize("program", [WORKER, STANDING_STILL + WORKER])
def test_a_deleted_run_is_not_called(
    program: str,
    connection: psycopg.Connection,
    environ: dict[str, str],
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    log = tmp_path / "worker.log"
    notifier = Notifier(redis_client(environ["REDIS_URL"]))
    with ExitStack() as stack:
        stderr = stack.enter_context(log.open("wb"))
        process = start(stack, environ, stderr.fileno(), "-c", program)
        until(lambda: one(connection, "SELECT count(*) FROM heartbeat") == 1)
        book_calls(connection, environ, receiver, 1, due_in=6)
        (run,) = claim_all(connection, ahead=10.0)
        notifier.notify(ON_TIME, [(run.run_id, run.token)])
        notifier.run_once()
        until(lambda: one(connection, "SELECT state FROM inflight") == "taken")
        # Within its lease by a clock that stands still.
        until(lambda: one(connection, SOON) is True)

        process.send_signal(signal.SIGSTOP)
        connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp()")
        connection.execute("DELETE FROM job")
        until(lambda: ended(connection) == "cancelled")
        process.send_signal(signal.SIGCONT)

        until(lambda: b"run.lease_lost" in log.read_bytes() or bool(receiver.requests))
        assert receiver.requests == []
        # It is at work again, and sure of what it takes now.
        book(connection, one(connection, "SELECT id FROM account"), due_in=-1)
        connection.execute("UPDATE job SET url = %s", (receiver.url("/cb"),))
        claim_all(connection)
        receiver.wait_for(1, PATIENCE_S)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
