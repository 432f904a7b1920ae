"""Receivers of every hostile kind: each costs its own call an error, and nobody else anything."""

from __future__ import annotations

import gzip
import time

import pytest

from app.delivery.request import Call
from tests.delivery.outbound import Outbound
from tests.receiver import (
    Behaviour,
    Receiver,
    answer,
    drip,
    endless_body,
    forever,
    gzip_bomb,
    hang,
    hang_up,
    in_turn,
    interim_flood,
    many_headers,
    redirect,
    reset,
    say,
)

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

HOSTILE: dict[str, tuple[Behaviour, str]] = {
    "closes without an answer": (hang_up, "connection-lost"),
    "resets": (reset, "connection-lost"),
    "speaks another protocol": (say(b"220 smtp.example ESMTP\r\n"), "bad-response"),
    "speaks HTTP/0.9": (say(b"<html>hello</html>"), "bad-response"),
    "answers half a status line": (say(b"HTTP/1.1 20"), "connection-lost"),
    "answers no number": (say(b"HTTP/1.1 abc Fine\r\n\r\n"), "bad-response"),
    "switches protocols unasked": (say(b"HTTP/1.1 101 Switch\r\n\r\nxx"), "bad-response"),
    "sends NUL in a header": (say(b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"), "bad-response"),
    "breaks off in the headers": (say(b"HTTP/1.1 200 OK\r\nX-Half: "), "bad-response"),
    "breaks off in the body": (
        say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        "bad-response",
    ),
    "breaks off in a chunk": (say(CHUNKED + b"ff\r\nabc"), "bad-response"),
    "sends a chunk size that is none": (say(CHUNKED + b"zz\r\nabc"), "bad-response"),
    "sends a chunk of more bytes than a number holds": (
        say(CHUNKED + b"ffffffffffffffffffff\r\nabc"),
        "bad-response",
    ),
    "contradicts itself about the length": (
        say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"),
        "bad-response",
    ),
    "sends 101 header fields": (many_headers(101), "too-many-headers"),
    "sends 10,000 header fields": (many_headers(10_000), "too-many-headers"),
    "sends headers without end": (
        forever(b"HTTP/1.1 200 OK\r\n", b"X-More: yes\r\n"),
        "too-many-headers",
    ),
    "sends one header without end": (
        forever(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 16_384),
        "too-many-headers",
    ),
    "sends 70 KiB in few headers": (
        answer(200, tuple((f"X-{index}", "y" * 10_000) for index in range(7))),
        "too-many-headers",
    ),
    "sends trailers without end": (forever(CHUNKED + b"0\r\n", b"X: y\r\n"), "too-many-headers"),
    "announces answers for ever": (interim_flood, "too-many-headers"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_answer_becomes_an_error_at_once(
    outbound: Outbound, receiver: Receiver, kind: str
) -> None:
    receiver.default, code = HOSTILE[kind]
    reply = outbound.send(receiver.url())
    assert (reply.status, reply.error) == (None, code)
    assert reply.error_detail
    receiver.default = answer(204)
    assert outbound.send(receiver.url()).status == 204


FLOODS: dict[str, Behaviour] = {
    "sends a chunk extension without end": forever(CHUNKED + b"1;", b"x" * 65_536),
    "sends a long chunk extension for each byte": forever(
        CHUNKED, (b"1;" + b"x" * 8_000 + b"\r\ny\r\n") * 8
    ),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_that_is_no_part_of_an_answer_is_ended_and_keeps_no_other_call(
    outbound: Outbound, receiver: Receiver, kind: str
) -> None:
    receiver.behaviours["/flood"] = FLOODS[kind]
    floods = [Call(url=receiver.url("/flood"), headers=(), timeout=20.0) for _ in range(4)]

    *replies, good = outbound.send_all([*floods, Call(url=receiver.url(), headers=())])

    assert [(each.status, each.error) for each in replies] == [(None, "bad-response")] * 4
    assert max(each.timing.total for each in replies) < 10_000
    assert good.status == 200


SLOW: dict[str, Behaviour] = {
    "hangs": hang,
    "drips a body": drip,
    "drips headers": forever(b"HTTP/1.1 200 OK\r\nX: ", b"x", every=0.02),
    "drips chunks": forever(CHUNKED, b"1\r\nx\r\n", every=0.02),
    "drips trailers": forever(CHUNKED + b"0\r\nX: ", b"x", every=0.02),
    "drips interim answers": forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", every=0.1),
}


@pytest.mark.parametrize("kind", SLOW)
def test_the_deadline_holds_for_the_whole_call(
    outbound: Outbound, receiver: Receiver, kind: str
) -> None:
    receiver.default = SLOW[kind]
    began = time.monotonic()
    reply = outbound.send(receiver.url(), timeout=0.5)
    assert (reply.status, reply.error) == (None, "timeout")
    assert 0.5 <= time.monotonic() - began < 5
    assert 500 <= reply.timing.total < 5000


def test_an_endless_body_counts_by_its_status_and_costs_the_connection(
    outbound: Outbound, receiver: Receiver
) -> None:
    receiver.default = in_turn(endless_body, answer(204))
    reply = outbound.send(receiver.url())
    assert (reply.status, reply.error, reply.body) == (200, None, b"x" * 1024)
    assert outbound.send(receiver.url()).status == 204
    assert receiver.connections == 2


@pytest.mark.parametrize(("size", "connections"), [(65_536, 1), (65_537, 2)])
def test_64_kib_of_body_are_read_and_not_a_byte_more(
    outbound: Outbound, receiver: Receiver, size: int, connections: int
) -> None:
    receiver.default = answer(200, (), b"x" * size)
    assert [outbound.send(receiver.url()).status for _ in range(2)] == [200, 200]
    assert receiver.connections == connections


@pytest.mark.parametrize("length", [10**18, 2**63 - 1])
def test_a_body_that_announces_itself_as_huge_is_read_to_the_limit(
    outbound: Outbound, receiver: Receiver, length: int
) -> None:
    start = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()
    receiver.default = forever(start, b"x" * 16_384)
    reply = outbound.send(receiver.url())
    assert (reply.status, reply.error, len(reply.body)) == (200, None, 1024)


def test_a_loop_of_redirects_is_one_call(outbound: Outbound, receiver: Receiver) -> None:
    receiver.behaviours = {"/a": redirect("/b"), "/b": redirect("/a")}
    reply = outbound.send(receiver.url("/a"))
    assert (reply.status, reply.error) == (302, None)
    assert [request.target for request in receiver.requests] == ["/a"]


def test_a_gzip_bomb_is_kept_as_it_came_and_never_inflated(
    outbound: Outbound, receiver: Receiver
) -> None:
    receiver.default = gzip_bomb(20)
    reply = outbound.send(receiver.url())
    assert reply.status == 200
    assert reply.body[:2] == gzip.compress(b"")[:2]
    assert len(reply.body) == 1024
    assert receiver.requests[0].header("Accept-Encoding") == "identity"


def test_kept_headers_are_bounded(outbound: Outbound, receiver: Receiver) -> None:
    receiver.default = answer(200, tuple((f"X-{index}", "y" * 3000) for index in range(10)))
    headers = outbound.send(receiver.url()).headers
    assert headers == (("X-0", "y" * 1024), ("X-1", "y" * 1024))
