"""Whether a server answers anybody: what is given up early, and what is waited for."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from app.store import server_probe
from app.store.database_errors import is_away
from app.store.server_probe import Server
from app.store.sessions import Session, SessionOptions, open_session
from tests.factories import connect, in_thread, one
from tests.proxy import Proxy
from tests.workers.test_rq_worker import until

PATIENT = SessionOptions(settings={"timezone": "UTC", "statement_timeout": 60_000})
SOON_S = 30.0
"""Long before the statement timeout, on any machine."""


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_probe, "QUIET_S", 0.2)


def test_a_server_that_answers_nobody_is_given_up_long_before_the_timeout(
    proxy: Proxy, quiet: None
) -> None:
    with open_session(proxy.url, PATIENT, autocommit=True) as session:
        assert one(session, "SELECT 1") == 1
        proxy.pause()
        begun = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="has not answered") as raised:
            session.execute("SELECT 2")
        took = time.monotonic() - begun

    assert is_away(raised.value)
    assert session.closed
    assert server_probe.QUIET_S + server_probe.PROBE_S <= took < SOON_S


def test_a_session_is_given_up_if_another_server_answers_at_its_address(
    proxy: Proxy, quiet: None
) -> None:
    with open_session(proxy.url, PATIENT, autocommit=True) as session:
        proxy.pause()
        with in_thread(lambda: _given_up(session)) as given_up:
            until(lambda: proxy.has_silent)
            # As after a promotion: new connections are served, and the old one stays silent.
            session.server = Server(1.0)
            proxy.go_on()
            assert given_up()


def _given_up(session: Session) -> bool:
    begun = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match="has not answered"):
        session.execute("SELECT 2")
    return time.monotonic() - begun < SOON_S


def test_a_statement_that_waits_for_a_lock_is_waited_for(
    database: str, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes: list[str] = []
    probed = threading.Semaphore(0)
    found = server_probe._probe

    def probe(conninfo: str) -> float | None:
        probes.append(conninfo)
        probed.release()
        return found(conninfo)

    monkeypatch.setattr(server_probe, "_probe", probe)
    with (
        connect(database) as owner,
        open_session(database, PATIENT, autocommit=True) as session,
        open_session(database, PATIENT, autocommit=True) as other,
    ):
        with owner.transaction():
            owner.execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
            with (
                in_thread(lambda: one(session, "SELECT count(*) FROM account")) as first,
                in_thread(lambda: one(other, "SELECT count(*) FROM account")) as second,
            ):
                for _ in range(3):
                    assert probed.acquire(timeout=30)
                # Both wait, and one asks for both.
                owner.execute("COMMIT")
                assert (first(), second()) == (0, 0)
        assert session.is_usable
    assert all("connect_timeout=3" in each for each in probes)


def test_answers_of_other_sessions_are_enough(
    database: str, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_probe, "_probe", lambda _: pytest.fail("it was asked"))
    with (
        connect(database) as owner,
        open_session(database, PATIENT, autocommit=True) as session,
        open_session(database, PATIENT, autocommit=True) as other,
    ):
        assert session.server is other.server
        with owner.transaction():
            owner.execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
            with in_thread(lambda: one(session, "SELECT count(*) FROM account")) as counted:
                enough = time.monotonic() + 5 * server_probe.QUIET_S
                while time.monotonic() < enough:
                    other.execute("SELECT pg_sleep(0.02)")
                owner.execute("COMMIT")
                assert counted() == 0


def test_a_server_that_refuses_connections_is_waited_for(proxy: Proxy, quiet: None) -> None:
    """As while a proxy is started anew and its predecessor serves the connections that it has."""
    with open_session(proxy.url, PATIENT, autocommit=True) as session:
        session.address = "host=127.0.0.1 port=1"
        assert one(session, "SELECT 1 FROM pg_sleep(1)") == 1


def test_a_long_answer_is_whole_after_it_was_waited_for(database: str, quiet: None) -> None:
    with open_session(database, PATIENT, autocommit=True) as session:
        rows = session.execute(
            "SELECT pg_sleep(0.3), n FROM (SELECT 1) AS one, generate_series(1, 3) AS n"
        ).fetchall()
        assert [n for _, n in rows] == [1, 2, 3]
        with session.pipeline(), session.transaction():
            first = session.execute("SELECT 1 FROM pg_sleep(0.3)")
            second = session.execute("SELECT 2")
        assert (first.fetchall(), second.fetchall()) == ([(1,)], [(2,)])
