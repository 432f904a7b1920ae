"""What the use cases' tests share: an application on a real database, and who calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from flask import Flask

from app import config, create_app
from app.domain.account import Caller
from app.service import accounts
from app.store.engine import db
from tests.booked import connect


@pytest.fixture
def app(database: str, tmp_path: Path) -> Iterator[Flask]:
    settings = config.load(
        {
            "WAKECALL_HOME": str(tmp_path),
            "DATABASE_URL": database,
            "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
            "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
        }
    )
    app = create_app(settings)
    with app.app_context():
        yield app
        db.engine.dispose()


@pytest.fixture
def caller(app: Flask) -> Caller:
    return accounts.authenticate(accounts.create("demo"), account=None)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened
