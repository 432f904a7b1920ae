"""Sessions: what is set in them, where they are opened, and that none waits for ever."""

from __future__ import annotations

import socket
import time

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.store import sessions
from app.store.database_errors import is_away
from app.store.sessions import Session, SessionOptions, open_session
from tests.factories import connect, one
from tests.proxy import Proxy

QUICK = SessionOptions(settings={"timezone": "UTC", "statement_timeout": 300})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "PATIENCE_S", 0.2)


def test_options_of_the_url_are_kept_and_ours_go_before_them(database: str) -> None:
    url = make_conninfo(database, options="-c search_path=pg_catalog -c timezone=Asia/Tokyo")

    with open_session(url, QUICK, name="wakecall test") as session:
        assert one(session, "SHOW search_path") == "pg_catalog"
        assert one(session, "SHOW timezone") == "UTC"
        assert one(session, "SHOW statement_timeout") == "300ms"
        assert one(session, "SHOW application_name") == "wakecall test"


def test_a_peer_that_has_vanished_is_noticed_within_seconds(proxy: Proxy) -> None:
    def transport(url: str) -> list[int]:
        with (
            open_session(url, QUICK) as session,
            socket.fromfd(session.fileno(), socket.AF_INET, socket.SOCK_STREAM) as found,
        ):
            return [
                found.getsockopt(socket.IPPROTO_TCP, option)
                for option in (
                    socket.TCP_KEEPIDLE,
                    socket.TCP_KEEPINTVL,
                    socket.TCP_KEEPCNT,
                    socket.TCP_USER_TIMEOUT,
                )
            ]

    assert transport(proxy.url) == [4, 2, 2, 7000]
    own = make_conninfo(proxy.url, keepalives_idle=60, tcp_user_timeout=30_000)
    assert transport(own) == [60, 2, 2, 30_000]


def test_a_server_that_does_not_answer_is_given_up(proxy: Proxy, impatient: None) -> None:
    with open_session(proxy.url, QUICK, autocommit=True) as session:
        assert one(session, "SELECT 1") == 1
        proxy.pause()
        begun = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="has not answered") as raised:
            session.execute("SELECT 2")
        took = time.monotonic() - begun

    assert is_away(raised.value)
    assert session.closed
    assert 0.4 < took < 5


def test_a_statement_within_its_time_is_waited_for(database: str, impatient: None) -> None:
    with open_session(database, QUICK, autocommit=True) as session:
        assert one(session, "SELECT 1 FROM pg_sleep(0.2)") == 1
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("SELECT pg_sleep(5)")
        assert session.is_usable


def test_a_session_without_a_statement_timeout_waits_on(database: str, impatient: None) -> None:
    with open_session(database, SessionOptions(settings={}), autocommit=True) as session:
        assert one(session, "SELECT 1 FROM pg_sleep(0.5)") == 1


def test_a_proxy_that_forwards_nothing_does_not_hold_up_who_connects(proxy: Proxy) -> None:
    proxy.pause()
    begun = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match="timeout") as raised:
        open_session(proxy.url, SessionOptions(settings={}, connect_s=2))

    assert is_away(raised.value)
    assert time.monotonic() - begun < 10


def test_of_several_hosts_the_one_that_takes_writes_is_found(database: str) -> None:
    found = conninfo_to_dict(database)
    for wanted in ({}, {"target_session_attrs": "any"}, {"target_session_attrs": "primary"}):
        several = make_conninfo("", **{**found, "host": f"/nowhere,{found['host']}", **wanted})
        with open_session(several, QUICK) as session:
            assert session.is_usable


def test_a_session_that_only_reads_is_not_opened_and_an_open_one_is_known(database: str) -> None:
    with connect(database) as owner:
        name = one(owner, "SELECT current_database()")
        owner.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with pytest.raises(psycopg.OperationalError, match="read-only") as raised:
        open_session(database, QUICK)

    assert is_away(raised.value)


def test_a_session_is_usable_until_it_only_reads_or_is_closed(database: str) -> None:
    def usable(session: Session, change: str) -> bool:
        session.execute(f"SET default_transaction_read_only = {change}")
        return session.is_usable

    with open_session(database, QUICK, autocommit=True) as session:
        assert [usable(session, change) for change in ("off", "on", "off")] == [True, False, True]
    assert not session.is_usable


def test_the_class_of_sessions_is_the_driver_s_otherwise(database: str) -> None:
    with open_session(database, QUICK) as session:
        assert isinstance(session, Session)
        with session.transaction(), session.cursor("named") as cursor:
            cursor.execute("SELECT generate_series(1, 5000)")
            assert len(cursor.fetchall()) == 5000
