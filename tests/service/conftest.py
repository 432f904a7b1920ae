"""Fixtures of the use cases: a context with a real database, and a caller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from flask import has_app_context

from app import config, create_app
from app.api.context import context_of
from app.domain.account import Caller
from app.service import accounts
from app.service.context import Context
from tests.factories import connect


@pytest.fixture
def context(database: str, tmp_path: Path) -> Iterator[Context]:
    """What the use cases are given. No application context is pushed: they run without Flask."""
    settings = config.load(
        {
            "WAKECALL_HOME": str(tmp_path),
            "DATABASE_URL": database,
            "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
            "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
        }
    )
    made = context_of(create_app(settings))
    assert not has_app_context()
    yield made
    made.database.engine.dispose()


@pytest.fixture
def caller(context: Context) -> Caller:
    return accounts.authenticate(context, accounts.create(context, "demo"), account=None)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened
