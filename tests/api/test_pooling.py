"""The service through PgBouncer in transaction mode: it works, or reports why it cannot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from app.store import sessions
from app.store.claims import claim
from app.store.connection import ReconnectingConnection
from app.store.pooling import PoolerUnfit
from app.store.sessions import SessionOptions, open_session
from local.instance import CHECKOUT
from tests import pgbouncer
from tests.api.conftest import MakeApp, client_of
from tests.factories import connect, one
from tests.servers import temp_folder

pytestmark = pytest.mark.skipif(pgbouncer.find() is None, reason=pgbouncer.LEFT_OUT)

JOB = {"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}

Pooling = Callable[..., AbstractContextManager[str]]
OPTIONS = SessionOptions(settings={"timezone": "UTC", "statement_timeout": 10_000})


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the user who runs the servers can enter."""
    sessions._prepares.cache_clear()
    with temp_folder() as made:
        made.chmod(0o755)
        yield made


@pytest.fixture
def role_settings(database: str) -> None:
    """What docs/operations.md tells to give the role."""
    pgbouncer.set_up_role(database)


def pooled(url: str, folder: Path) -> AbstractContextManager[str]:
    return pgbouncer.pooling(url, folder, ignore_startup_parameters=pgbouncer.IGNORED)


@pytest.mark.usefixtures("role_settings")
def test_bookings_and_claims_work_through_a_pooler(
    database: str, folder: Path, make_app: MakeApp, key: str
) -> None:
    """More connections than the pooler has sessions, and each statement more than five times."""
    with pooled(database, folder) as url:
        app = make_app(DATABASE_URL=url)

        def book(_: int) -> list[int]:
            client = client_of(app, key)
            made = [client.post("/1/jobs", json=JOB) for _ in range(12)]
            read = [client.get("/1/jobs?limit=5"), client.delete(made[0].headers["Location"])]
            return [each.status_code for each in (*made, *read)]

        def look(number: int) -> int:
            reconnecting = ReconnectingConnection(url, f"test {number}")
            for _ in range(12):
                with reconnecting.use() as connection:
                    found = claim(connection, budget=10, ahead=0.3, unreadable=print).found
            reconnecting.close()
            return found

        with ThreadPoolExecutor(10) as threads:
            statuses = threads.map(book, range(8))
            found = threads.map(look, range(2))
            assert list(statuses) == [[201] * 12 + [200, 204]] * 8
            assert list(found) == [0, 0]
        with connect(database) as opened:
            assert one(opened, "SELECT count(*) FROM job") == 8 * 11


@pytest.mark.usefixtures("role_settings")
def test_a_session_through_a_pooler_goes_by_what_its_role_has(database: str, folder: Path) -> None:
    with open_session(database, OPTIONS) as direct:
        assert (direct.pooled, direct.prepare_threshold) == (False, 5)
    with pooled(database, folder) as url, open_session(url, OPTIONS) as session:
        assert session.pooled
        assert session.max_wait_s == 15 + sessions.PATIENCE_S


def test_a_pooler_that_ignores_options_is_refused_where_the_role_lacks_them(
    database: str, folder: Path
) -> None:
    wanted = "opened without statement_timeout"
    with pooled(database, folder) as url, pytest.raises(PoolerUnfit, match=wanted):
        open_session(url, OPTIONS)


def test_a_pooler_that_refuses_options_is_reported(database: str, folder: Path) -> None:
    wanted = "Connection poolers"
    with pgbouncer.pooling(database, folder) as url, pytest.raises(PoolerUnfit, match=wanted):
        open_session(url, OPTIONS)


@pytest.mark.usefixtures("role_settings")
def test_migrations_are_refused_through_a_pooler(
    database: str, folder: Path, environ: dict[str, str]
) -> None:
    with pooled(database, folder) as url:
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
            env={**environ, "DATABASE_URL": url},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "leads to a connection pooler" in done.stderr
