"""What the store's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Connection

from app import config, create_app
from app.store.engine import db, watch_engine
from tests.factories import add_account, connect
from tests.proxy import Proxy


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def proxy(database: str) -> Iterator[Proxy]:
    """A proxy before the database, which a test can pause."""
    with Proxy(database) as made:
        yield made


@pytest.fixture
def app(database: str, tmp_path: Path) -> Iterator[Flask]:
    """The web's way to the database, in its context."""
    app = create_app(config.load({"WAKECALL_HOME": str(tmp_path), "DATABASE_URL": database}))
    with app.app_context():
        yield app
        db.engine.dispose()


@pytest.fixture
def other(database: str) -> Iterator[psycopg.Connection]:
    """A second connection, to race against the first."""
    with connect(database) as opened:
        yield opened


@pytest.fixture
def watching(database: str) -> Iterator[Connection]:
    """The connection of the thread that looks after health."""
    engine = watch_engine(config.load({"DATABASE_URL": database}))
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def account_id(connection: psycopg.Connection) -> int:
    return add_account(connection)
