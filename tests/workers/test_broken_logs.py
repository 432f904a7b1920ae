"""Scheduler and worker as processes whose standard error is broken, or of which a thread ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet

from app import thread_failures
from app.service.secrets import SecretBox
from local.instance import CHECKOUT
from tests.booked import add_account, book, connect, one
from tests.broken_logs import BROKEN
from tests.receiver import Receiver
from tests.workers.test_doorman import until

CALLS = 20
PATIENCE_S = 60.0
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def environ(database: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if "WAKECALL" not in name}
    return {
        **others,
        "WAKECALL_HOME": str(tmp_path),
        "DATABASE_URL": database,
        "REDIS_URL": redis_url,
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
        "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
    }


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def book_calls(
    connection: psycopg.Connection, environ: dict[str, str], receiver: Receiver, number: int
) -> None:
    account = add_account(connection)
    sealed = SecretBox((environ["WAKECALL_SECRET_KEY"],)).seal(SECRET)
    connection.execute(
        "INSERT INTO signing_secret (account_id, sealed) VALUES (%s, %s)", (account, sealed)
    )
    for _ in range(number):
        book(connection, account, due_in=3)
    connection.execute("UPDATE job SET url = %s", (receiver.url("/cb"),))


def start(
    stack: ExitStack, environ: dict[str, str], stderr: int, *command: str
) -> subprocess.Popen[bytes]:
    """A process that is killed at the end, where it has not ended by then."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=CHECKOUT, env=environ, stdout=stderr, stderr=stderr
    )

    def end() -> None:
        if process.poll() is None:
            process.kill()
        process.wait()

    stack.callback(end)
    return process


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
        ("full pipe", "scheduler", "workers.queue.Bell"),
        ("nobody reads", "scheduler", "workers.maintenance.Maintenance"),
        ("full pipe", "worker", "workers.settler.Settler"),
        ("full disk", "worker", "workers.keeper.Keeper"),
        ("nobody reads", "worker", "workers.doorman.Door"),
    ],
)
def test_a_thread_that_ends_takes_its_process_down(
    kind: str, module: str, thread: str, environ: dict[str, str]
) -> None:
    where, _, name = thread.rpartition(".")
    method = "_on_heard" if name == "Door" else "once"
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
