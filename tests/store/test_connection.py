"""A reconnecting connection: its statements are prepared, and it is dropped if it breaks."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import structlog

from app.store import sessions
from app.store.connection import ReconnectingConnection
from app.store.queries import SQL, run
from tests.factories import add_account, connect
from tests.proxy import Proxy
from workers.loop_thread import LoopThread


@pytest.fixture
def opened(database: str) -> Iterator[psycopg.Connection]:
    reconnecting = ReconnectingConnection(database, "test")
    with reconnecting.use() as connection:
        yield connection
    reconnecting.close()


def test_a_statement_that_comes_again_keeps_its_plan(opened: psycopg.Connection) -> None:
    for _ in range(20):
        run(opened, "still_claimed", {"ids": []})

    start = SQL["still_claimed"].partition("%")[0]
    plans = opened.execute(
        "SELECT generic_plans > 10, custom_plans FROM pg_prepared_statements"
        " WHERE starts_with(statement, %s)",
        (start,),
    ).fetchall()
    assert plans == [(True, 0)]


def test_a_statement_that_fails_by_itself_leaves_the_connection(database: str) -> None:
    reconnecting = ReconnectingConnection(database, "test", lock_timeout=0.1)
    with connect(database) as holder, holder.transaction():
        add_account(holder)
        holder.execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
        with reconnecting.use() as first:
            pass
        with structlog.testing.capture_logs() as logs:
            with pytest.raises(psycopg.errors.LockNotAvailable), reconnecting.use() as connection:
                connection.execute("SELECT FROM account")
            with reconnecting.use() as second:
                pass
    reconnecting.close()

    assert second is first
    assert logs == []


def test_a_connection_that_was_ended_is_replaced(database: str) -> None:
    reconnecting = ReconnectingConnection(database, "test")
    with structlog.testing.capture_logs() as logs:
        with pytest.raises(psycopg.errors.AdminShutdown), reconnecting.use() as first:
            first.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        with reconnecting.use() as second:
            pass
    reconnecting.close()

    assert second is not first
    assert [each["event"] for each in logs] == ["database.away", "database.back"]


def test_a_connection_that_only_reads_is_replaced(database: str) -> None:
    reconnecting = ReconnectingConnection(database, "test")
    with structlog.testing.capture_logs() as logs:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), reconnecting.use() as first:
            first.execute("BEGIN READ ONLY; UPDATE account SET name = name")
        with reconnecting.use() as second:
            second.execute("SET default_transaction_read_only = on")
        with reconnecting.use() as third:
            third.execute("UPDATE account SET name = name")
    reconnecting.close()

    assert len({first, second, third}) == 3
    assert [each["event"] for each in logs] == ["database.away", "database.back"]


def test_a_connection_on_which_nothing_is_answered_is_replaced(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PATIENCE_S", 0.1)
    with Proxy(database) as proxy, structlog.testing.capture_logs() as logs:
        reconnecting = ReconnectingConnection(proxy.url, "test", statement_timeout=0.3)
        with reconnecting.use() as first:
            first.execute("SELECT 1")
        proxy.pause()
        with (
            pytest.raises(psycopg.OperationalError, match="not answered"),
            reconnecting.use() as same,
        ):
            same.execute("SELECT 1")
        proxy.go_on()
        with reconnecting.use() as second:
            second.execute("SELECT 1")
        reconnecting.close()

    assert same is first
    assert second is not first
    assert [each["event"] for each in logs] == ["database.away", "database.back"]


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"), "busy"),
        (psycopg.errors.CheckViolation("violates check constraint"), "failed"),
        (psycopg.OperationalError("connection refused"), ""),
    ],
)
def test_a_thread_logs_what_its_iteration_raises_and_goes_on(error: Exception, event: str) -> None:
    class Failing(LoopThread):
        turns = 0

        def run_once(self) -> None:
            self.turns += 1
            if self.turns == 1:
                raise error
            self.stop()

    thread = Failing("failing", interval=0.0)
    with structlog.testing.capture_logs() as logs:
        thread.run()

    assert thread.turns == 2
    assert [each["event"].split(".")[1] for each in logs] == ([event] if event else [])
