"""A client without a key that has hundreds of networks, and whose messages do not come."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import grpc
import pytest
from flask import Flask

from app.api.dapr.rpc import requests, server
from app.api.dapr.rpc.exchange import RpcExchange
from app.protos.dapr_runtime_pb2 import Job
from tests.api.dapr.calls import add_app
from tests.api.dapr.rpc.client import Client
from tests.api.dapr.rpc.conftest import serving
from tests.api.dapr.rpc.test_transport import DUE, stalled


@pytest.fixture(autouse=True)
def networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection comes from a network of its own."""

    def address_of(peer: str) -> str:
        return f"2001:db8:0:{int(peer.rpartition(':')[2]):x}::1"

    monkeypatch.setattr(requests, "address_of", address_of)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Counts the RPCs for which there was a place."""
    counted = threading.Semaphore(0)
    begin = RpcExchange.begin

    def count(exchange: RpcExchange) -> None:
        begin(exchange)
        counted.release()

    monkeypatch.setattr(RpcExchange, "begin", count)
    return counted


@pytest.fixture
def known(app: Flask, key: str) -> Iterator[tuple[Client, str]]:
    """A client whose key the server knows from an RPC before, and the server's address."""
    add_app(app)
    with serving(app) as address, grpc.insecure_channel(address) as channel:
        client = Client(channel, key)
        assert client.list() == []
        yield client, address


def test_they_take_no_account_s_turn_to_have_a_message_read(
    begun: threading.Semaphore, known: tuple[Client, str]
) -> None:
    client, address = known
    number = server.READS + server.READS_OF_NETWORKS + 2
    with stalled(address, number) as calls:
        # One more, for the RPC of the account.
        assert all(begun.acquire(timeout=30) for _ in range(number + 1))
        client.schedule(Job(name="a", due_time=DUE))

        assert [each.name for each in client.list()] == ["a"]
        assert not any(each.done() for each in calls)


class TestFew:
    """With few RPCs at once."""

    @pytest.fixture(autouse=True)
    def few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("MAX_RPCS", "MAX_RPCS_OF_NETWORKS"):
            monkeypatch.setattr(server, name, 4)

    def test_they_take_no_account_s_place(
        self, begun: threading.Semaphore, known: tuple[Client, str]
    ) -> None:
        client, address = known
        with stalled(address, 6) as calls:
            assert all(begun.acquire(timeout=30) for _ in range(4 + 1))
            client.schedule(Job(name="a", due_time=DUE))

            assert [each.name for each in client.list()] == ["a"]
            refused = [each for each in calls if each.done()]
            assert {each.code() for each in refused} <= {grpc.StatusCode.RESOURCE_EXHAUSTED}
