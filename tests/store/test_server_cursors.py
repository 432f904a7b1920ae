"""Server-side cursors: closed on every path, also where a reader stops or the server is lost."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import psycopg
import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError

from app.domain.run_counts import Span
from app.store import job_list, run_counts
from app.store.engine import DIALECT, SESSION, _give_up_bad_sessions
from app.store.sessions import open_session

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SPAN = Span(begins=NOW - timedelta(days=1), ends=NOW, step=timedelta(hours=1))

Reader = Callable[[Connection, int], AbstractContextManager[Iterator[Any]]]


@pytest.fixture
def web(database: str) -> Iterator[Connection]:
    """A connection of an engine that judges errors as the web's does."""
    engine = create_engine(DIALECT, creator=lambda: open_session(database, SESSION))
    _give_up_bad_sessions(engine, SESSION)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def account_with_jobs(connection: psycopg.Connection, account_id: int) -> int:
    """An account with more jobs than are fetched at once."""
    connection.execute(
        "INSERT INTO job (id, account_id, version, url, trigger, enabled)"
        " SELECT gen_random_uuid(), %s, 1, 'http://127.0.0.1/', '{}', true"
        " FROM generate_series(1, 5100)",
        (account_id,),
    )
    return account_id


def ids(web: Connection, account_id: int) -> AbstractContextManager[Iterator[Any]]:
    return closing(job_list.stream(web, account_id))


def counts(web: Connection, account_id: int) -> AbstractContextManager[Iterator[Any]]:
    return run_counts.stream(web, account_id, SPAN)


def left_open(read: Callable[[], None]) -> list[str]:
    """What the driver says of cursors that were open when they were collected."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read()
        gc.collect()
    return [f"{each.message}" for each in caught if each.category is ResourceWarning]


def end(connection: psycopg.Connection, web: Connection) -> None:
    """End the server's process of a connection, so that its next statement fails."""
    driver = cast("psycopg.Connection", web.connection.driver_connection)
    connection.execute("SELECT pg_terminate_backend(%s, 10000)", [driver.info.backend_pid])


@pytest.mark.parametrize("reader", [ids, counts])
def test_a_reader_that_fails_leaves_none_open(
    web: Connection, account_with_jobs: int, reader: Reader
) -> None:
    def read() -> None:
        with web.begin(), suppress(ZeroDivisionError), reader(web, account_with_jobs) as rows:
            next(rows)
            raise ZeroDivisionError

    assert left_open(read) == []


@pytest.mark.parametrize("reader", [ids, counts])
@pytest.mark.parametrize("already_read", [None, 0, 1])
def test_a_server_that_is_lost_leaves_none_open(
    web: Connection,
    connection: psycopg.Connection,
    account_with_jobs: int,
    reader: Reader,
    already_read: int | None,
) -> None:
    """It is lost before the statement, before its first rows, or between these and the others."""

    def read() -> None:
        web.begin()
        if already_read is None:
            end(connection, web)
        with reader(web, account_with_jobs) as rows:
            for _ in range(already_read or 0):
                next(rows)
            if already_read is not None:
                end(connection, web)
            list(rows)

    def read_until_lost() -> None:
        with pytest.raises(OperationalError):
            read()

    assert left_open(read_until_lost) == []


@pytest.mark.parametrize("reader", [ids, counts])
def test_a_server_that_is_lost_while_a_cursor_is_closed_leaves_none_open(
    web: Connection, connection: psycopg.Connection, account_with_jobs: int, reader: Reader
) -> None:
    def read() -> None:
        with suppress(OperationalError), web.begin(), reader(web, account_with_jobs) as rows:
            next(rows)
            end(connection, web)

    assert left_open(read) == []
