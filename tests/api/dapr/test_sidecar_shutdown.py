"""The shutdown of a sidecar: a request to one server is answered after the others have ended."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from app.api.asgi import AsgiApp
from app.api.dapr import sidecar
from tests.api.exchange import Exchange, scope_of
from tests.ports import free_port


class LateRpcs:
    """A server of RPCs that has one under way when it is stopped."""

    def __init__(self, asgi: AsgiApp, exchange: Exchange) -> None:
        self.asgi = asgi
        self.exchange = exchange

    async def stop(self, _grace_s: float) -> None:
        async with asyncio.timeout(20):
            await self.asgi(scope_of("GET"), self.exchange.receive, self.exchange.send)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Those of pytest, which a loop does not restore."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def test_rpcs_under_way_are_answered_after_the_http_servers_have_ended() -> None:
    exchange = Exchange()
    asgi = AsgiApp(exchange.app)

    async def serve_rpcs() -> LateRpcs:
        # A thread that has served a request.
        await asgi(scope_of("GET"), exchange.receive, Exchange().send)
        return LateRpcs(asgi, exchange)

    def stop() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    async def serve() -> None:
        addresses = ["127.0.0.1"]
        await sidecar._serve(asgi, addresses, free_port(), stop, serve_rpcs)  # type: ignore[arg-type] # with a part of it

    asyncio.run(serve())
    assert exchange.body == b"ok"
    # The threads have ended all the same.
    assert not any(each.is_alive() for each in asgi._threads._threads)
