"""Scheduler and worker through PgBouncer in transaction mode: claimed, taken, called, settled."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from app.store import sessions
from tests import pgbouncer
from tests.factories import connect, one
from tests.receiver import Receiver
from tests.servers import temp_folder
from tests.workers.processes import PATIENCE_S, book_calls, environment, start
from tests.workers.test_rq_worker import until

pytestmark = pytest.mark.skipif(pgbouncer.find() is None, reason=pgbouncer.LEFT_OUT)

CALLS = 200
SESSIONS = 3
"""Server sessions of the pooler: fewer than the threads of the two processes."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user who runs the servers can enter."""
    sessions._prepares.cache_clear()
    with temp_folder() as made:
        made.chmod(0o755)
        yield made


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def clients(connection: psycopg.Connection) -> int:
    """The server sessions of this database, without this one."""
    return int(
        one(
            connection,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )
    )


def test_calls_are_claimed_taken_made_and_settled_through_a_pooler(
    database: str,
    redis_url: str,
    connection: psycopg.Connection,
    receiver: Receiver,
    folder: Path,
    tmp_path: Path,
) -> None:
    pgbouncer.set_up_role(database)
    log = tmp_path / "log"
    with (
        pgbouncer.pooling(
            database,
            folder,
            ignore_startup_parameters=pgbouncer.IGNORED,
            default_pool_size=f"{SESSIONS}",
        ) as url,
        log.open("ab") as stderr,
        ExitStack() as stack,
    ):
        environ = environment(url, redis_url, tmp_path)
        running = [
            start(stack, environ, stderr.fileno(), "-m", f"workers.{name}")
            for name in ("scheduler", "worker")
        ]
        book_calls(connection, environ, receiver, CALLS)
        receiver.wait_for(CALLS, PATIENCE_S)
        until(lambda: one(connection, "SELECT count(*) FROM run") == CALLS)
        assert 0 < clients(connection) <= SESSIONS
        for each in running:
            each.send_signal(signal.SIGTERM)
        assert [each.wait(PATIENCE_S) for each in running] == [0, 0]

    assert one(connection, "SELECT count(*) FROM run WHERE state = 'succeeded'") == CALLS
    assert Counter(each.header("wakecall-attempt") for each in receiver.requests) == {"1": CALLS}
    assert len({each.header("webhook-id") for each in receiver.requests}) == CALLS
    assert one(connection, "SELECT count(*) FROM attempt") == CALLS
    assert one(connection, "SELECT count(*) FROM heartbeat") == 0
    text = log.read_text()
    assert all(json.loads(line)["level"] != "error" for line in text.splitlines())
    assert "database.away" not in text
