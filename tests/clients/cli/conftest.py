"""What the tests of the command line share: a real application, and canned answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest
from cryptography.fernet import Fernet
from flask import Flask
from uuid6 import uuid7

from app import config, create_app
from app.api.context import current_context
from app.service import accounts
from app.store.engine import db
from tests.clients.cli.invocation import KEY, URL, Canned, Commands
from tests.factories import connect
from tests.servers import Databases, database_name

_NUMBERS = itertools.count(1)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with nothing in it but the folder in which commands run."""
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.fixture
def canned() -> Canned:
    """Answers with what a test puts in."""
    return Canned({})


@pytest.fixture
def wakecall(home: Path, canned: Canned) -> Commands:
    """Runs commands against canned answers."""
    return Commands(
        transport=httpx2.MockTransport(canned),
        home=home,
        environ={
            "WAKECALL_URL": URL,
            "WAKECALL_KEY": KEY,
            "WAKECALL_TZ": "Europe/Berlin",
            "NO_COLOR": "1",
        },
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """An application on a database of its own."""

    app: Flask
    database: str


@pytest.fixture(scope="module")
def service(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One application for all tests of a module."""
    url = databases.fresh()
    settings = {
        "WAKECALL_HOME": str(tmp_path_factory.mktemp("home")),
        "DATABASE_URL": url,
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
        "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
        "WAKECALL_RATE_LIMIT": "off",
        "WAKECALL_PUBLIC_URL": URL,
    }
    app = create_app(config.load(settings))
    yield Service(app=app, database=url)
    with app.app_context():
        db.engine.dispose()
    databases.drop(database_name(url))


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """An account of the test's own."""

    name: str
    key: str
    service: Service

    def add_run(
        self, state: str = "failed", *, job: str | None = None, due_at: str = "2026-11-22T09:30:00Z"
    ) -> str:
        """Store a run that is over, attempted once, whose content is kept."""
        run_id = UUID(int=uuid7().int)
        with connect(self.service.database) as connection:
            _add_run(connection, self.name, run_id, job or uuid4(), state, due_at)
        return str(run_id)


@pytest.fixture
def account(service: Service) -> Account:
    name = f"account-{next(_NUMBERS)}"
    with service.app.app_context():
        key = accounts.create(current_context(), name)
    return Account(name=name, key=key, service=service)


@pytest.fixture
def real(home: Path, account: Account) -> Commands:
    """Runs commands against the real application, by its own clock."""
    return Commands(
        transport=httpx2.WSGITransport(app=account.service.app),
        home=home,
        environ={
            "WAKECALL_URL": URL,
            "WAKECALL_KEY": account.key,
            "WAKECALL_TZ": "UTC",
            "NO_COLOR": "1",
        },
        clock=lambda: datetime.now(UTC),
    )


def _add_run(
    connection: psycopg.Connection,
    account: str,
    run_id: UUID,
    job: UUID | str,
    state: str,
    due: str,
) -> None:
    connection.execute(
        "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
        " attempts, reason, settled_at) SELECT %s, %s, id, 1, 'scheduled', %s, 0, %s, 1,"
        " 'The receiver answered 500.', %s FROM account WHERE name = %s",
        (run_id, job, due, state, due, account),
    )
    connection.execute(
        "INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, headers,"
        " body, total_ms) VALUES (%s, %s, 1, %s, 1.5, 500, '[]', 'oh', 5)",
        (run_id, due, due),
    )
    connection.execute(
        "INSERT INTO superseded (job_id, version, url) VALUES (%s, 1, 'http://127.0.0.1/')"
        " ON CONFLICT DO NOTHING",
        (job,),
    )
