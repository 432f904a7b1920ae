"""The proxy forwards, and cuts, delays and silences connections as it is asked to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import Proxy

PATIENCE_S = 30.0


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends back what it receives."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer(connection: socket.socket) -> None:
            with connection:
                while data := connection.recv(1024):
                    connection.sendall(data)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_quietly, args=(answer, connection), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE_S)


@pytest.fixture
def proxy(echo: tuple[str, int]) -> Iterator[Proxy]:
    with Proxy(echo) as made:
        yield made


def test_what_is_sent_passes_in_both_directions(proxy: Proxy) -> None:
    with connected(proxy) as client:
        assert ask(client) == b"hello"


def test_open_and_new_connections_are_reset_while_it_is_cut(proxy: Proxy) -> None:
    with connected(proxy) as client:
        assert ask(client) == b"hello"
        with proxy.cut():
            assert is_lost(client)
            with connected(proxy) as other:
                assert is_lost(other)
    with connected(proxy) as later:
        assert ask(later) == b"hello"


def test_what_is_sent_takes_longer_while_it_is_delayed(proxy: Proxy) -> None:
    with connected(proxy) as client:
        began = time.monotonic()
        with proxy.delayed(0.1):
            assert ask(client) == b"hello"
        assert time.monotonic() - began >= 0.2


def test_nothing_passes_while_it_is_silent_and_then_the_connection_is_lost(proxy: Proxy) -> None:
    with connected(proxy) as client:
        assert ask(client) == b"hello"
        with proxy.silent():
            client.sendall(b"lost")
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(1024)
            client.settimeout(PATIENCE_S)
        assert is_lost(client)
    with connected(proxy) as later:
        assert ask(later) == b"hello"


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S)


def ask(client: socket.socket) -> bytes:
    client.sendall(b"hello")
    return client.recv(1024)


def is_lost(client: socket.socket) -> bool:
    """Whether the connection ends without an answer."""
    try:
        return client.recv(1024) == b""
    except ConnectionResetError:
        return True


def _quietly(answer: object, connection: socket.socket) -> None:
    """Run a thread's function; a connection that was reset is what these tests are about."""
    try:
        answer(connection)  # type: ignore[operator] # the function of the fixture above
    except OSError:
        return
