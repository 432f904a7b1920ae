"""What the tests of the MCP server share: an account with its keys, and agents that have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from flask import Flask

from app.api.context import current_context
from app.domain.scope import Scope
from app.service import keys
from tests.clients.mcp.agent import Agent
from tests.factories import connect


class Tenant(NamedTuple):
    """An account, its id in the database, and keys of it."""

    name: str
    id: int
    key: str
    read_key: str


@pytest.fixture(scope="module")
def connection(service_database: str) -> Iterator[psycopg.Connection]:
    """A connection to the database of the service, which commits by itself."""
    with connect(service_database) as opened:
        yield opened


@pytest.fixture
def tenant(
    service: Flask, make_account: Callable[[], tuple[str, str]], connection: psycopg.Connection
) -> Tenant:
    name, key = make_account()
    with service.app_context():
        read_key = keys.create(current_context(), name, scope=Scope.READ, label="")
    row: Any = connection.execute("SELECT id FROM account WHERE name = %s", (name,)).fetchone()
    return Tenant(name, row[0], key, read_key)


@pytest.fixture
def agent(service: Flask, tenant: Tenant) -> Agent:
    return Agent(service, tenant.key)
