"""Scheduler and worker that are started before the database has the tables of their release."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.factories import connect, one
from tests.receiver import Receiver
from tests.servers import Databases, migrate, renamed
from tests.workers.processes import PATIENCE_S, book_calls, environment, start
from tests.workers.test_rq_worker import until

KINDS = ("scheduler", "worker")


@pytest.fixture
def empty(databases: Databases) -> Iterator[str]:
    """The URL of a database without tables."""
    name = f"wakecall_test_{uuid4().hex}"
    with psycopg.connect(databases.server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield renamed(databases.server, name)
    databases.drop(name)


def logged(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def told(log: Path) -> list[dict[str, Any]]:
    return [each for each in logged(log) if each["event"] == "database.not_migrated"]


def test_they_say_what_to_do_and_begin_once_it_is_done(
    empty: str, redis_url: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    environ = environment(empty, redis_url, tmp_path)
    with log.open("ab") as stderr, ExitStack() as stack, Receiver() as receiver:
        running = [
            start(stack, environ, stderr.fileno(), "-m", f"workers.{kind}") for kind in KINDS
        ]
        until(lambda: len(told(log)) == len(KINDS))
        migrate(empty)
        with connect(empty) as connection:
            book_calls(connection, environ, receiver, 1, due_in=0)
            receiver.wait_for(1, PATIENCE_S)
            until(lambda: one(connection, "SELECT count(*) FROM run") == 1)
        for each in running:
            each.send_signal(signal.SIGTERM)
        assert [each.wait(PATIENCE_S) for each in running] == [0, 0]

    assert sorted(each["process"] for each in told(log)) == ["scheduler", "worker"]
    assert {each["reason"] for each in told(log)} == {
        "The database has no tables. Run flask --app wsgi db upgrade."
    }
    assert [each for each in logged(log) if each["level"] == "error"] == told(log)


@pytest.mark.parametrize("kind", KINDS)
def test_they_end_in_order_while_they_wait(
    empty: str, redis_url: str, tmp_path: Path, kind: str
) -> None:
    log = tmp_path / "log"
    environ = environment(empty, redis_url, tmp_path)
    with log.open("ab") as stderr, ExitStack() as stack:
        process = start(stack, environ, stderr.fileno(), "-m", f"workers.{kind}")
        until(lambda: told(log))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0

    assert [each["event"] for each in logged(log)][-2:] == ["process.stopping", "process.ended"]
    assert len([each for each in logged(log) if each["level"] == "error"]) == 1
