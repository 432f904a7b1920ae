"""What all tests share: real servers, a database of its own for each test, no way out."""

from __future__ import annotations

import socket
import sys
from collections.abc import Generator, Iterator
from ipaddress import ip_address
from typing import Any

import pytest
import redis

from tests import ports
from tests.exclusive_tests import ExclusiveTests, is_alone
from tests.file_order import FileTimes, in_order
from tests.servers import Databases, database_name, migrated, postgres_server, valkey_server

_EXCLUSIVE = pytest.StashKey[ExclusiveTests]()


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse connections that leave the machine (those Python makes: libcurl is not asked)."""
    if event == "socket.connect" and arguments[0].family in {socket.AF_INET, socket.AF_INET6}:
        host = arguments[1][0]
        if host != "localhost" and not ip_address(host).is_loopback:
            raise PermissionError(f"A test would leave the machine for {host}.")


sys.addaudithook(_stay_here)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(FileTimes())
    if ports.OF > 1:
        config.stash[_EXCLUSIVE] = ExclusiveTests(config.cache.mkdir("exclusive"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if exclusive := config.stash.get(_EXCLUSIVE, None):
        exclusive.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = in_order(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Run a test, with what it sets up and leaves, when it is its turn."""
    exclusive = item.config.stash.get(_EXCLUSIVE, None)
    if exclusive is None:
        return (yield)
    exclusive.begin(alone=is_alone(item))
    try:
        return (yield)
    finally:
        exclusive.end(next_alone=is_alone(nextitem))


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """A server of this test process, with a migrated database to copy."""
    with postgres_server() as server, migrated(server) as made:
        yield made


@pytest.fixture(scope="session")
def postgres_url(databases: Databases) -> Iterator[str]:
    """One migrated database for the whole session."""
    url = databases.fresh()
    yield url
    databases.drop(database_name(url))


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """The URL of a database of the test's own, migrated and empty."""
    url = databases.fresh()
    yield url
    databases.drop(database_name(url))


@pytest.fixture(scope="session")
def _valkey() -> Iterator[str]:
    with valkey_server() as url:
        yield url


@pytest.fixture
def redis_url(_valkey: str) -> str:
    """The URL of a Valkey that holds nothing yet."""
    with redis.Redis.from_url(_valkey) as client:
        client.flushdb()
    return _valkey
