"""What the tests of the Dapr API over gRPC share: a server, and calls as an SDK makes them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
import psycopg
import pytest
from flask import Flask

from app.api.asgi import AsgiApp
from app.api.dapr.rpc import routes
from app.api.dapr.rpc.server import RpcServer
from tests.api.dapr.calls import add_app
from tests.api.dapr.rpc.client import Client
from tests.factories import connect


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve the RPCs of an application; yields the address."""
    routes.install(app)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Callable[[], object]) -> object:
        async def once() -> object:
            found = work()
            return await found if asyncio.iscoroutine(found) else found

        return asyncio.run_coroutine_threadsafe(once(), loop).result(30)

    server = run(lambda: RpcServer(AsgiApp(app), routes.paths()))
    assert isinstance(server, RpcServer)
    try:
        port = run(lambda: server.listen("127.0.0.1", 0))
        run(server.start)
        yield f"127.0.0.1:{port}"
    finally:
        run(lambda: server.stop(5))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def address(app: Flask, key: str) -> Iterator[str]:
    """Where the RPCs are; account-1 has the app `job-service`."""
    add_app(app)
    with serving(app) as found:
        yield found


@pytest.fixture
def client(address: str, key: str) -> Iterator[Client]:
    """Calls with the key of account-1."""
    with grpc.insecure_channel(address) as channel:
        yield Client(channel, key)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened
