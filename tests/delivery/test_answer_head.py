"""Heads of answers that libcurl accepts and HTTP does not, and those that servers really send."""

from __future__ import annotations

import pytest

from app.delivery import answer_head
from tests.delivery.h2_frames import h2_frame, literal
from tests.delivery.outbound import Outbound
from tests.delivery.scripted_app import Scripted
from tests.delivery.test_grpc import call
from tests.delivery.test_hostile_grpc import OK_TRAILERS
from tests.receiver import Receiver, answer, forever, say
from tests.worst import SIZE, is_fast, repeated

OK = b"HTTP/1.1 200 OK\r\n"
TWO = b"Content-Length: 2\r\n\r\nok"
HUGE = b"99999999999999999999999"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"\r\n2\r\nok\r\n0\r\n\r\n"

NO_LENGTHS = {
    "more than 64 bits": OK + b"Content-Length: " + HUGE + b"\r\n\r\nok",
    "the first that 63 bits do not hold": OK + b"content-length:9223372036854775808\r\n\r\nok",
    "as many digits as fit": OK + b"Content-Length: " + b"9" * 10_000 + b"\r\n\r\nok",
    "before a good one": OK + b"Content-Length: " + HUGE + b"\r\n" + TWO,
    "behind a good one": OK + TWO[:19] + b"Content-Length: " + HUGE + b"\r\n\r\nok",
    "in a list": OK + b"Content-Length: 2, " + HUGE + b"\r\n\r\nok",
    "beside chunks": OK + CHUNKED + b"Content-Length: " + HUGE + b"\r\n" + CHUNKS,
    "after an interim answer": b"HTTP/1.1 103 E\r\n\r\n" + OK + b"Content-Length: " + HUGE + CHUNKS,
    "negative": OK + b"Content-Length: -1\r\n\r\nok",
    "with a space behind its name": OK + b"Content-Length : 5\r\n\r\nok",
    "with a tab behind its name": OK + b"Content-Length\t: 5\r\n\r\nok",
    "with a space before its name": OK + b" Content-Length: 5\r\n\r\nok",
    "chunks with a space behind the name": OK + b"Transfer-Encoding : chunked\r\n\r\n9\r\nok",
}


@pytest.mark.parametrize("kind", NO_LENGTHS)
def test_a_length_that_no_body_can_have_is_a_failed_attempt(
    outbound: Outbound, receiver: Receiver, kind: str
) -> None:
    receiver.default = say(NO_LENGTHS[kind])
    reply = outbound.send(receiver.url())
    assert (reply.status, reply.error) == (None, "bad-response")
    assert reply.error_detail
    receiver.default = answer(204)
    assert outbound.send(receiver.url()).status == 204


def test_such_a_length_ends_the_call_while_the_connection_stays_open(
    outbound: Outbound, receiver: Receiver
) -> None:
    receiver.default = forever(NO_LENGTHS["more than 64 bits"], b"", every=0.1)
    reply = outbound.send(receiver.url())
    assert reply.error == "bad-response"
    assert reply.error_detail == "The answer's Content-Length is not the length of a body."
    assert reply.timing.total < 5000


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 0000000000000000000000000000002\r\n\r\nok",
        b"Content-Length: 2, 2\r\n\r\nok",
        b"Content-Length:\r\n 2\r\n\r\nok",
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        b"Content-Length: 7\r\n" + CHUNKED + CHUNKS,
        b"X-Content-Length: " + HUGE + b"\r\n" + TWO,
        CHUNKED + b"\r\n2\r\nok\r\n0\r\nContent-Length: " + HUGE + b"\r\n\r\n",
    ],
)
def test_other_lengths_are_read_as_before(
    outbound: Outbound, receiver: Receiver, rest: bytes
) -> None:
    receiver.default = say(OK + rest)
    reply = outbound.send(receiver.url())
    assert (reply.status, reply.error, reply.body) == (200, None, b"ok")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_may_have_any_length(
    outbound: Outbound, receiver: Receiver, status: int
) -> None:
    receiver.default = say(f"HTTP/1.1 {status}\r\nContent-Length: {10**30}\r\n\r\n".encode())
    assert outbound.send(receiver.url()).status == status


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 2000 X",
        b"HTTP/1.1 2000",
        b"HTTP/1.1 20 X",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200X",
        b"HTTP/1.1 200-OK",
        b"HTTP/1.1 200.0 OK",
        b"HTTP/1.1 +200 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.0 2000 X",
        b"http/1.1 2000 X",
        b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 2000 X",
        b"HTTP/1.1 1030 X\r\n\r\nHTTP/1.1 200 OK",
        b"HTTP/1.1 103X\r\n\r\nHTTP/1.1 200 OK",
        b"HTTP/1.1 10 X\r\n\r\nHTTP/1.1 200 OK",
    ],
)
def test_a_status_without_exactly_three_digits_is_a_failed_attempt(
    outbound: Outbound, receiver: Receiver, line: bytes
) -> None:
    receiver.default = say(line + b"\r\n" + TWO)
    reply = outbound.send(receiver.url())
    assert (reply.status, reply.error) == (None, "bad-response")
    assert reply.error_detail
    receiver.default = answer(204)
    assert outbound.send(receiver.url()).status == 204


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200\r\n",
        b"HTTP/1.1 200 \r\n",
        b"HTTP/1.1 200\n",
        b"HTTP/1.1 200 \xe9t\xe9\xff\r\n",
        b"HTTP/1.1 200 2000\r\n",
        b"HTTP/1.1 200\tOK\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"http/1.1 200 OK\r\n",
        b"HTTP/1.1 100\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200\r\n",
    ],
)
def test_status_lines_of_real_servers_are_read(
    outbound: Outbound, receiver: Receiver, start: bytes
) -> None:
    receiver.default = say(start + TWO)
    reply = outbound.send(receiver.url())
    assert (reply.status, reply.error, reply.body) == (200, None, b"ok")


H2_HEADS = {
    "a status of four digits": literal(b":status", b"2000"),
    "a status of two digits": literal(b":status", b"20"),
    "a length of more than 64 bits": b"\x88" + literal(b"content-length", HUGE),
    "a longer length than its message": b"\x88" + literal(b"content-length", b"9"),
}


@pytest.mark.parametrize("kind", H2_HEADS)
def test_such_heads_of_apps_that_speak_grpc_are_failed_attempts(
    outbound: Outbound, kind: str
) -> None:
    head = H2_HEADS[kind] + literal(b"content-type", b"application/grpc")
    message = h2_frame(0, 0, 1, b"\0\0\0\0\0")
    with Scripted(h2_frame(1, 4, 1, head), message, OK_TRAILERS) as server:
        reply = call(outbound, server.url)
    assert (reply.status, reply.error) == (None, "bad-response")


@pytest.mark.parametrize("unit", ["9", "0", "9,", " ", "\t:", "Content-Length:"])
def test_a_long_length_is_judged_fast(unit: str) -> None:
    text = repeated(unit)(SIZE).encode()
    for start in (b"Content-Length:", b"Content-Length", b""):
        assert is_fast(answer_head.fault, [OK, start + text])
