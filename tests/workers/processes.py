"""Processes: scheduler and workers as the Procfile has them, for tests that harm or stop them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import psycopg
from cryptography.fernet import Fernet

from app.service.secrets import SecretBox
from local.instance import CHECKOUT
from tests.factories import add_account, book
from tests.receiver import Receiver

PATIENCE_S = 60.0
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def environment(database: str, redis_url: str, home: Path, **settings: str) -> dict[str, str]:
    """What such a process is started with."""
    others = {name: value for name, value in os.environ.items() if "WAKECALL" not in name}
    return {
        **others,
        "WAKECALL_HOME": str(home),
        "DATABASE_URL": database,
        "REDIS_URL": redis_url,
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
        "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
        **settings,
    }


def book_calls(
    connection: psycopg.Connection,
    environ: dict[str, str],
    receiver: Receiver,
    number: int,
    *,
    due_in: float = 3,
) -> None:
    """Book so many one-time calls of a new account, all due at once."""
    account = add_account(connection)
    sealed = SecretBox((environ["WAKECALL_SECRET_KEY"],)).seal(SECRET)
    connection.execute(
        "INSERT INTO signing_secret (account_id, sealed) VALUES (%s, %s)", (account, sealed)
    )
    for _ in range(number):
        book(connection, account, due_in=due_in)
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
