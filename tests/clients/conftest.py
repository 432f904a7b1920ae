"""What the tests of the clients share: the real application, in this process, for a module."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import httpx2
import pytest
from cryptography.fernet import Fernet
from flask import Flask

from app import config, create_app
from app.api.context import current_context
from app.service import accounts
from app.store.engine import db
from tests.servers import Databases, database_name
from wakecall import Client


@pytest.fixture(scope="module")
def service_database(databases: Databases) -> Iterator[str]:
    """The URL of the module's own database."""
    url = databases.fresh()
    yield url
    databases.drop(database_name(url))


@pytest.fixture(scope="module")
def service(service_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application on the module's own database."""
    app = create_app(
        config.load(
            {
                "WAKECALL_HOME": str(tmp_path_factory.mktemp("home")),
                "DATABASE_URL": service_database,
                "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
                "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
                "WAKECALL_RATE_LIMIT": "off",
            }
        )
    )
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def make_account(service: Flask) -> Callable[[], tuple[str, str]]:
    """Makes an account each time; gives its name and its key."""
    numbers = itertools.count(1)

    def make() -> tuple[str, str]:
        name = f"account-{next(numbers)}"
        with service.app_context():
            return name, accounts.create(current_context(), name)

    return make


@pytest.fixture
def http(service: Flask) -> Iterator[httpx2.Client]:
    """An HTTP client whose requests go to the application without a socket."""
    with httpx2.Client(transport=httpx2.WSGITransport(service)) as made:
        yield made


@pytest.fixture
def client(http: httpx2.Client, make_account: Callable[[], tuple[str, str]]) -> Client:
    """A client with the key of an account of its own."""
    _, key = make_account()
    return Client(key, url="http://localhost", http=http)
