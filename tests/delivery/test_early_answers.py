"""Answers that come before the request was read, by receivers that never read it to its end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.delivery.outbound import Outbound

BODY = b"x" * 16 * 1024 * 1024
"""More than the sockets of both sides take while nobody reads."""


@contextmanager
def unread(answer: bytes, *, closes: bool) -> Iterator[int]:
    """The port of a receiver that reads a part of one request, answers, and reads no more.

    It resets the connection a moment later, or leaves it open.
    """
    over = threading.Event()

    def serve() -> None:
        link, _ = listener.accept()
        with link:
            link.recv(1024)
            link.sendall(answer)
            over.wait(0.3 if closes else 30)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve)
        serving.start()
        yield listener.getsockname()[1]
        over.set()
        serving.join(30)


@pytest.mark.parametrize("closes", [True, False], ids=["reset", "left open"])
@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok", 201, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    ],
)
def test_a_whole_answer_counts_whatever_becomes_of_the_request(
    outbound: Outbound, answer: bytes, status: int, body: bytes, *, closes: bool
) -> None:
    with unread(answer, closes=closes) as port:
        reply = outbound.send(f"http://127.0.0.1:{port}/", BODY, timeout=1.5)

    assert (reply.status, reply.error, reply.body) == (status, None, body)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
    ids=["half a body", "half of the chunks", "half a head"],
)
def test_a_part_of_an_answer_counts_for_nothing(outbound: Outbound, answer: bytes) -> None:
    with unread(answer, closes=True) as port:
        reply = outbound.send(f"http://127.0.0.1:{port}/", BODY, timeout=5)

    assert reply.status is None
    assert reply.error in {"bad-response", "connection-lost"}
