"""Service: the real application with a real database, its accounts, and workers that end runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import config, create_app
from app.api.context import current_context
from app.service import accounts
from app.service.dapr import apps as dapr_apps
from app.store.engine import db
from app.store.rescue import check
from app.store.settling import settle
from app.store.takes import take
from tests.api.openapi import answers
from tests.factories import connect
from tests.interleavings.case import settlement

JSON: Final = {"Accept": "application/json"}
_EMPTY: Final = """
DELETE FROM follow; DELETE FROM inflight; DELETE FROM due; DELETE FROM job;
DELETE FROM superseded; DELETE FROM run; DELETE FROM attempt; DELETE FROM kept_answer
"""


@dataclass(frozen=True, slots=True)
class Client:
    """Requests of one account."""

    flask: FlaskClient
    account: str

    def ask(self, method: str, path: str, document: object = None, **headers: str) -> TestResponse:
        """The response to a request with a document in JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.flask.open(path, method=method, json=document, headers={**JSON, **named})


@dataclass(slots=True)
class Service:
    """One application; each example of a state machine has accounts of its own."""

    app: Flask
    connection: psycopg.Connection
    differences: list[str] = field(default_factory=list)
    """Responses that differ from their descriptions in OpenAPI."""
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def account(self, *apps: str, **limits: int) -> Client:
        """A new account with these Dapr apps and limits, and its client."""
        name = f"account-{next(self._numbers)}"
        with self.app.app_context():
            key = accounts.create(current_context(), name)
            if limits:
                accounts.set_limits(current_context(), name, dict(limits))
            owner = accounts.get_account(current_context(), name)
            for each in apps:
                url = "http://127.0.0.1:2"
                dapr_apps.put(current_context(), owner, each, url=url, token=None)
        flask = self.app.test_client()
        flask.environ_base["HTTP_X_API_KEY"] = key
        return Client(flask, name)

    def work(self, answer: str) -> None:
        """Let workers make all calls that are asked for, each answered in this way.

        Runs that were cancelled end without a call.
        """
        self.connection.execute(
            "UPDATE inflight SET look_at = clock_timestamp() WHERE state <> 'taken'"
        )
        found = check(self.connection, limit=1000, leases_count=True)
        settle(self.connection, found.ended)
        taken = take(self.connection, [(each.run_id, each.token) for each in found.to_notify])
        settle(self.connection, [settlement(each, answer) for each in taken])

    def forget(self) -> None:
        """Delete what an example has left; raises AssertionError for what is not as described."""
        self.connection.execute(_EMPTY)
        found, self.differences[:] = list(self.differences), []
        assert found == []


@contextmanager
def service(database: str, home: Path) -> Iterator[Service]:
    """The application on a database that is migrated and empty."""
    settings: dict[str, Any] = {
        "WAKECALL_HOME": f"{home}",
        "DATABASE_URL": database,
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
        "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
        "WAKECALL_RATE_LIMIT": "off",
    }
    app = create_app(config.load(settings))
    with connect(database) as connection:
        made = Service(app, connection)
        answers.watch(app, made.differences)
        yield made
    with app.app_context():
        db.engine.dispose()
