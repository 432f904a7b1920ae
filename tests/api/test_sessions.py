"""The web while its database is read-only or does not answer: 503, until it is back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.context import current_context
from app.errors import Unavailable
from app.store import engine, sessions
from app.store.sessions import SessionOptions
from tests.api.conftest import MakeApp, client_of
from tests.factories import connect, one
from tests.proxy import Proxy

JOB = {"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}
WRITE = "UPDATE account SET name = name"
READ_ONLY = "SET default_transaction_read_only = on"


@pytest.fixture
def set_read_only(database: str) -> Iterator[Callable[[bool], None]]:
    """Has new sessions of the database take writes, or only reads."""
    with connect(database) as owner:
        name = one(owner, "SELECT current_database()")

        def change(read_only: bool) -> None:  # noqa: FBT001 - there is nothing else to say
            value = "on" if read_only else "off"
            owner.execute("SET default_transaction_read_only = off")
            owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}')

        yield change


def book(client: FlaskClient) -> int:
    """The status of a booking; a 503 says when to try again."""
    answer = client.post("/1/jobs", json=JOB)
    assert answer.status_code != 503 or "Retry-After" in answer.headers
    return answer.status_code


def has_database(client: FlaskClient) -> bool:
    """Whether the web says that there is a database."""
    readiness = client.get("/readyz").get_json()
    return bool(readiness["database"])


def test_a_database_that_only_reads_for_a_while_is_written_to_again_without_a_restart(
    app: Flask, client: FlaskClient, set_read_only: Callable[[bool], None]
) -> None:
    # The second goes by what is known of the key: another way to the database than the first.
    assert [book(client), book(client)] == [201, 201]
    with app.app_context(), current_context().database.session() as opened:
        opened.execute(READ_ONLY)
    set_read_only(True)

    assert [book(client) for _ in range(5)] == [503] * 5
    assert has_database(client) is False

    set_read_only(False)
    assert [book(client) for _ in range(5)] == [201] * 5
    assert has_database(client) is True


def in_session() -> None:
    with current_context().database.session() as opened:
        opened.execute(WRITE)


def in_statement() -> None:
    with current_context().database.statement() as opened:
        opened.exec_driver_sql(WRITE)


def in_transaction() -> None:
    with current_context().database.transaction() as opened:
        opened.exec_driver_sql(WRITE)


def in_transaction_of_the_driver() -> None:
    with current_context().database.transaction() as opened:
        opened.connection.driver_connection.execute(WRITE)  # type: ignore[union-attr] # it is open


def in_savepoint_of_the_driver() -> None:
    with (
        current_context().database.unit_of_work(),
        current_context().database.transaction() as opened,
    ):
        opened.connection.driver_connection.execute(WRITE)  # type: ignore[union-attr] # it is open


def in_transaction_apart() -> None:
    with current_context().database.separate_transaction() as opened:
        opened.execute(WRITE)


def in_snapshot() -> None:
    with current_context().database.snapshot() as opened:
        opened.exec_driver_sql(WRITE)


WAYS = [
    in_session,
    in_statement,
    in_transaction,
    in_transaction_of_the_driver,
    in_savepoint_of_the_driver,
    in_transaction_apart,
    in_snapshot,
]


@pytest.mark.parametrize("write", WAYS)
def test_a_session_that_refuses_a_write_as_read_only_is_given_up(
    app: Flask, key: str, monkeypatch: pytest.MonkeyPatch, write: Callable[[], None]
) -> None:
    """Also if it has not reported it: a transaction may be read-only by itself."""
    with app.app_context():
        with current_context().database.session() as opened:
            opened.execute(READ_ONLY)
        monkeypatch.setattr(sessions.Session, "is_usable", True)
        with pytest.raises(Unavailable):
            write()
        write()


@pytest.mark.parametrize("write", WAYS)
def test_a_session_that_does_not_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch, make_app: MakeApp, database: str, write: Callable[[], None]
) -> None:
    monkeypatch.setattr(sessions, "PATIENCE_S", 0.1)
    quick = {**engine.SESSION.settings, "statement_timeout": 300}
    monkeypatch.setattr(engine, "SESSION", SessionOptions(settings=quick))
    with Proxy(database) as proxy:
        app = make_app(DATABASE_URL=proxy.url)
        with app.app_context():
            write()
            proxy.pause()
            with pytest.raises(Unavailable):
                write()
            proxy.go_on()
            write()


def test_a_request_is_answered_though_the_database_is_silent(
    monkeypatch: pytest.MonkeyPatch, make_app: MakeApp, database: str, key: str
) -> None:
    monkeypatch.setattr(sessions, "PATIENCE_S", 0.1)
    quick = {**engine.SESSION.settings, "statement_timeout": 300}
    monkeypatch.setattr(engine, "SESSION", SessionOptions(settings=quick, connect_s=2))
    with Proxy(database) as proxy:
        client = client_of(make_app(DATABASE_URL=proxy.url), key)
        assert book(client) == 201
        proxy.pause()
        assert [book(client), book(client)] == [503, 503]
        proxy.go_on()
        assert book(client) == 201
    with connect(database) as opened:
        assert one(opened, "SELECT count(*) FROM job") == 2


def test_sessions_that_were_opened_before_one_failed_are_not_used_again(
    app: Flask, key: str
) -> None:
    with app.app_context():
        with (
            current_context().database.session() as first,
            current_context().database.session() as second,
        ):
            backends = {first.info.backend_pid, second.info.backend_pid}
        with pytest.raises(Unavailable), current_context().database.transaction() as opened:
            raise psycopg.errors.ReadOnlySqlTransaction
        assert opened.closed
        with (
            current_context().database.session() as third,
            current_context().database.session() as fourth,
        ):
            assert not backends & {third.info.backend_pid, fourth.info.backend_pid}
