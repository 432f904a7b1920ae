"""What the HTTP tests share: an application on a real database, two accounts and their clients."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from flask.testing import FlaskClient

from app import config, create_app, factory
from app.api.context import current_context
from app.service import accounts
from app.store.engine import db
from tests.api.both_ways import Ways
from tests.api.openapi import answers
from tests.api.server import Web, serving
from tests.servers import Databases, database_name

MakeApp = Callable[..., Flask]

LOADED = (factory,)
"""Imported for its effect: each dialect registers its paths and limits, which the ASGI application
reads also where a test makes no Flask application."""


@pytest.fixture
def environ(database: str, tmp_path: Path) -> dict[str, str]:
    """The settings of a process that serves this database."""
    return {
        "WAKECALL_HOME": str(tmp_path),
        "DATABASE_URL": database,
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
        "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
        "WAKECALL_RATE_LIMIT": "off",
    }


@pytest.fixture
def make_app(environ: dict[str, str]) -> Iterator[MakeApp]:
    """Makes applications; further settings as keyword arguments."""
    made: list[Flask] = []
    differences: list[str] = []

    def make(**further: str) -> Flask:
        made.append(create_app(config.load({**environ, **further})))
        answers.watch(made[-1], differences)
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()
    assert differences == []


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture
def make_key(app: Flask) -> Callable[[], str]:
    """Makes an account each time; gives its key."""
    numbers = itertools.count(1)

    def make() -> str:
        with app.app_context():
            return accounts.create(current_context(), f"account-{next(numbers)}")

    return make


@pytest.fixture
def key(make_key: Callable[[], str]) -> str:
    """The key of account-1."""
    return make_key()


@pytest.fixture
def client(app: Flask, key: str) -> FlaskClient:
    """Calls with the key of account-1."""
    return client_of(app, key)


@pytest.fixture
def other_client(app: Flask, key: str, make_key: Callable[[], str]) -> FlaskClient:
    """Calls with the key of account-2."""
    return client_of(app, make_key())


def client_of(app: Flask, key: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = key
    return client


@pytest.fixture(scope="module")
def web_environ(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The settings of the real web server, with a database for the whole module."""
    url = databases.fresh()
    yield {
        "WAKECALL_HOME": str(tmp_path_factory.mktemp("home")),
        "DATABASE_URL": url,
        "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
        "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
        "WAKECALL_RATE_LIMIT": "off",
    }
    databases.drop(database_name(url))


@pytest.fixture(scope="module")
def web_key(web_environ: dict[str, str]) -> str:
    """The key of an account in the module's database."""
    app = create_app(config.load(web_environ))
    with app.app_context():
        key = accounts.create(current_context(), "demo")
        db.engine.dispose()
    return key


@pytest.fixture(scope="module")
def web(web_environ: dict[str, str]) -> Iterator[Web]:
    """A real web server with one worker process and little patience."""
    with serving(web_environ, "tests.api.short_deadlines_app:asgi") as running:
        yield running


@pytest.fixture(params=[False, True], ids=["by a task", "whole"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Direct bookings are asked for by a task first, and then whole."""
    monkeypatch.setattr(Ways, "is_whole", request.param)
