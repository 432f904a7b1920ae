"""Scheduler and worker as processes whose standard error is broken, or of which a thread ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from app import thread_failures
from tests.broken_logs import BROKEN
from tests.factories import connect, one
from tests.receiver import Receiver
from tests.workers.processes import PATIENCE_S, book_calls, environment, start
from tests.workers.test_rq_worker import until

CALLS = 20


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


@pytest.mark.parametrize("kind", BROKEN)
def test_calls_are_made_and_settled_whatever_becomes_of_the_log(
    kind: str, connection: psycopg.Connection, environ: dict[str, str], receiver: Receiver
) -> None:
    book_calls(connection, environ, receiver, CALLS)
    with ExitStack() as stack:
        stderr = stack.enter_context(BROKEN[kind]())
        modules = ("workers.scheduler", "workers.worker")
        processes = [start(stack, environ, stderr, "-m", module) for module in modules]
        receiver.wait_for(CALLS, PATIENCE_S)
        succeeded = "SELECT count(*) FROM run WHERE state = 'succeeded'"
        until(lambda: one(connection, succeeded) == CALLS)
        if kind != "full pipe":
            # There they wait for the reader, which may read again.
            dropped = "SELECT coalesce(sum(total), 0) FROM tally WHERE name = 'log_dropped'"
            until(lambda: one(connection, dropped) >= CALLS)
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(PATIENCE_S) for process in processes] == [0, 0]
    assert len(receiver.requests) == CALLS


@pytest.mark.parametrize(
    ("kind", "module", "thread"),
    [
        ("full pipe", "scheduler", "workers.notifier.Notifier"),
        ("nobody reads", "scheduler", "workers.maintenance.Maintenance"),
        ("full pipe", "worker", "workers.dispatch.settler.Settler"),
        ("full disk", "worker", "workers.dispatch.lease_watch.LeaseWatch"),
        ("nobody reads", "worker", "workers.rq_worker.RQListener"),
    ],
)
def test_a_thread_that_ends_takes_its_process_down(
    kind: str, module: str, thread: str, environ: dict[str, str]
) -> None:
    where, _, name = thread.rpartition(".")
    method = "_on_answer" if name == "RQListener" else "run_once"
    program = (
        f"from {where} import {name}\n"
        f"def end(self): raise SystemExit\n"
        f"{name}.{method} = end\n"
        f"from workers import {module}\n"
        f"{module}.main()\n"
    )
    with ExitStack() as stack:
        stderr = stack.enter_context(BROKEN[kind]())
        process = start(stack, environ, stderr, "-c", program)
        assert process.wait(PATIENCE_S) == thread_failures.STATUS
