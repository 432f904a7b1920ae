"""What the store's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.booked import add_account, connect


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def other(database: str) -> Iterator[psycopg.Connection]:
    """A second connection, for whoever races against the first."""
    with connect(database) as opened:
        yield opened


@pytest.fixture
def account_id(connection: psycopg.Connection) -> int:
    return add_account(connection)
