"""The server with raw bytes: requests one after the other, their bodies, and their responses."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import pytest

from app.http_server.exchange import BODY, NOTES, Message, Receive, Send
from app.http_server.heads import MAX_HEAD
from tests.http_server.serving import (
    GET,
    Client,
    Server,
    echo,
    play,
    post,
    respond,
    until,
    whole_body,
)


def test_requests_are_answered_one_after_the_other_on_one_connection() -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        for body in (b"", b"a", b"b" * 300_000):
            status, fields, found = await client.ask(post(b"/x", body))
            assert (status, found) == (200, b"/x|" + body)
            assert "connection" not in fields
            assert fields["date"].endswith("GMT")

    play(echo, playing)


def test_requests_that_are_sent_at_once_are_answered_in_their_order() -> None:
    async def playing(server: Server) -> list[bytes]:
        client = await server.connect()
        chunked = b"POST /2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
        client.writer.write(post(b"/1", b"x") + chunked + b"\r\n" + post(b"/3", b"y" * 100_000))
        many = b"".join(post(b"/%d" % number, b"z" * 1000) for number in range(4, 200))
        client.writer.write(many)
        return [(await client.answer())[2][:4] for _ in range(199)]

    found = play(echo, playing)
    assert found[:3] == [b"/1|x", b"/2|a", b"/3|y"]
    assert [int(each[1:].split(b"|")[0]) for each in found] == list(range(1, 200))


def test_a_request_may_arrive_in_any_pieces() -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        sent = post(b"/x", b"body", b"A: b") + b"POST /y HTTP/1.1\r\nTransfer-Encoding: chunked"
        for at in range(len(sent)):
            client.writer.write(sent[at : at + 1])
            await asyncio.sleep(0)
        assert (await client.answer())[2] == b"/x|body"
        client.writer.write(b"\r\n\r\n1\r\nz\r\n")
        client.writer.write(b"0\r\n\r\n")
        assert (await client.answer())[2] == b"/y|z"

    play(echo, playing)


def test_what_the_application_learns_of_a_request() -> None:
    async def application(scope: Message, _receive: Receive, send: Send) -> None:
        seen.append(scope)
        await respond(send)

    async def playing(server: Server) -> None:
        client = await server.connect()
        await client.ask(b"GET /a%2Fb?c HTTP/1.1\r\nHOST: x\r\nX-B: \xff\r\n\r\n")
        here, there = seen[0].pop("client"), seen[0].pop("server")
        assert (here[0], there) == ("127.0.0.1", ("127.0.0.1", server.port))
        assert seen[0].pop(BODY) == b""
        assert seen[0].pop(NOTES) == {}
        head = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n"
        await client.ask(head + b"abcd")
        assert seen[1][BODY] == b"abcd"
        client.writer.write(head)
        await client.answer()
        assert seen.pop()[BODY] is None
        seen.pop()

    seen: list[Message] = []
    play(application, playing)
    assert seen == [
        {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "raw_path": b"/a%2Fb",
            "query_string": b"c",
            "headers": [(b"host", b"x"), (b"x-b", b"\xff")],
        }
    ]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"x\r\n\r\n", 400),
        (b"GET /" + b"x" * MAX_HEAD, 414),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * MAX_HEAD, 431),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * MAX_HEAD + b"\r\n\r\n", 431),
        (b"GET / HTTP/9.1\r\n\r\n", 505),
    ],
)
def test_what_cannot_be_read_ends_the_connection(sent: bytes, status: int) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        found, fields, body = await client.ask(GET + sent)
        assert (found, body) == (200, b"/|")
        found, fields, body = await client.answer()
        assert (found, fields["connection"], body) == (status, "close", b"")
        assert await client.is_closed()

    play(echo, playing)


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 3\r\n\r\nab",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nab",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    ],
)
def test_a_body_that_breaks_off_is_not_taken_for_a_whole_one(sent: bytes) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        client.writer.write(b"POST / HTTP/1.1\r\n" + sent)
        client.writer.write_eof()
        status, fields, body = await client.answer()
        assert (status, fields["connection"], body) == (400, "close", b"broken off")
        assert await client.is_closed()

    play(echo, playing)


def test_a_client_that_sends_no_more_still_gets_its_response() -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        client.writer.write(post(b"/x", b"a"))
        client.writer.write_eof()
        assert (await client.answer())[2] == b"/x|a"
        assert await client.is_closed()

    play(echo, playing)


@pytest.mark.parametrize("rest", [b"", GET[:-1]])
def test_a_client_that_sends_no_more_still_gets_all_its_responses(rest: bytes) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        client.writer.write(post(b"/1", b"a") + post(b"/2", b"b") + post(b"/3", b"c") + rest)
        client.writer.write_eof()
        answers = [await client.answer() for _ in range(3)]
        assert [body for _, _, body in answers] == [b"/1|a", b"/2|b", b"/3|c"]
        assert await client.is_closed()

    play(echo, playing)


async def send_for_ever(client: Client) -> None:
    while True:
        client.writer.write(GET * 10_000)
        await client.writer.drain()


def test_a_client_that_sends_no_more_and_reads_late_still_gets_all_its_responses() -> None:
    async def application(_scope: Message, _receive: Receive, send: Send) -> None:
        await respond(send, b"x" * 20_000_000)

    async def playing(server: Server) -> list[int]:
        client = await server.connect()
        client.writer.write(GET * 3)
        client.writer.write_eof()
        await until(lambda: any(each._is_at_end for each in server.server._connections))
        found = [len((await client.answer())[2]) for _ in range(3)]
        assert await client.is_closed()
        return found

    assert play(application, playing) == [20_000_000] * 3


def test_an_early_response_is_read_by_a_client_that_is_still_sending() -> None:
    async def application(_scope: Message, _receive: Receive, send: Send) -> None:
        await respond(send, b"no", 413)

    async def playing(server: Server) -> None:
        client = await server.connect()
        head = b"POST / HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n"
        status, fields, body = await client.ask(head + b"x" * 500_000)
        assert (status, fields["connection"], body) == (413, "close", b"no")
        # It does not take what follows for another request, and it does not read for ever.
        with pytest.raises(ConnectionError):
            await send_for_ever(client)

    play(application, playing)


def test_leave_to_send_a_body_is_given_when_the_application_wants_it() -> None:
    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["raw_path"] == b"/refused":
            await respond(send, b"no", 413)
        else:
            await echo(scope, receive, send)

    async def playing(server: Server) -> None:
        client = await server.connect()
        head = b"POST %b HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        assert (await client.ask(head % b"/x"))[0] == 100
        assert (await client.ask(b"ab"))[2] == b"/x|ab"
        assert (await client.ask(head % b"/y" + b"cd"))[2] == b"/y|cd"
        status, fields, _ = await client.ask(head % b"/refused")
        assert (status, fields["connection"]) == (413, "close")

    play(application, playing)


async def speaking(scope: Message, receive: Receive, send: Send) -> None:
    """Answers in the way that the path names."""
    await whole_body(receive)
    path = scope["raw_path"]
    length = [(b"Content-Length", b"4")]
    headers = length if b"length" in path else []
    status = {b"/none": 204, b"/unchanged": 304}.get(path, 200)
    if b"pieces" in path:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for body in (b"ab", b"", b"cd"):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        await respond(send, b"" if status != 200 else b"abcd", status, headers)


@pytest.mark.parametrize("path", [b"/whole", b"/length", b"/pieces", b"/pieces-length"])
def test_the_forms_of_a_body(path: bytes) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        line = b"%b HTTP/1.1\r\n\r\n"
        status, fields, body = await client.ask(b"GET " + line % path)
        assert (status, body) == (200, b"abcd")
        assert ("transfer-encoding" in fields) is (path == b"/pieces")
        status, head, _ = await client.ask(b"HEAD " + line % path)
        assert (status, head.get("content-length")) == (200, fields.get("content-length"))
        # Nothing of a body came.
        assert (await client.ask(b"GET " + line % path))[2] == b"abcd"

    play(speaking, playing)


@pytest.mark.parametrize(("path", "status"), [(b"/none", 204), (b"/unchanged", 304)])
def test_a_response_without_a_body_has_no_length(path: bytes, status: int) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        for _ in range(2):
            found, fields, _ = await client.ask(b"GET %b HTTP/1.1\r\n\r\n" % path)
            assert (found, "content-length" in fields) == (status, False)

    play(speaking, playing)


def test_an_older_client_reads_until_the_end_or_asks_for_more() -> None:
    async def playing(server: Server) -> None:
        kept = await server.connect()
        sent = b"GET %b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        for _ in range(2):
            status, fields, body = await kept.ask(sent % b"/whole")
            assert (status, fields["connection"], body) == (200, "keep-alive", b"abcd")
        client = await server.connect()
        client.writer.write(sent % b"/pieces")
        head, _, body = (await client.reader.read()).partition(b"\r\n\r\n")
        assert b"Connection: close" in head
        assert body == b"abcd"

    play(speaking, playing)


def test_fields_of_two_lines_are_never_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def application(scope: Message, _receive: Receive, send: Send) -> None:
        await respond(send, b"", 200, [(b"A", scope["query_string"].replace(b"!", b"\r\nB: c"))])

    async def playing(server: Server) -> None:
        client = await server.connect()
        assert (await client.ask(b"GET /?x HTTP/1.1\r\n\r\n"))[1]["a"] == "x"
        status, fields, body = await client.ask(b"GET /?x! HTTP/1.1\r\n\r\n")
        assert (status, "b" in fields, body) == (500, False, b"")
        assert (await client.ask(b"GET /?y HTTP/1.1\r\n\r\n"))[1]["a"] == "y"

    caplog.set_level(logging.CRITICAL)
    play(application, playing)


def test_a_defect_of_the_application_is_logged_and_answered(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def application(scope: Message, _receive: Receive, send: Send) -> None:
        if scope["raw_path"] == b"/begun":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
        if scope["raw_path"] != b"/silent":
            raise ZeroDivisionError

    async def playing(server: Server) -> None:
        client = await server.connect()
        for path in (b"/", b"/silent"):
            assert (await client.ask(b"GET %b HTTP/1.1\r\n\r\n" % path))[0] == 500
        client.writer.write(b"GET /begun HTTP/1.1\r\n\r\n")
        await client.reader.readuntil(b"a\r\n")
        # Its client must not take it for complete.
        assert await client.is_closed()

    play(application, playing)
    out, err = capfd.readouterr()
    assert (out + err).count("ZeroDivisionError") >= 2


@pytest.mark.parametrize("sent", [b"abc", b"abcde"])
def test_a_body_of_another_length_than_was_promised_ends_the_connection(sent: bytes) -> None:
    async def application(_scope: Message, _receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": sent, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def playing(server: Server) -> None:
        client = await server.connect()
        client.writer.write(GET)
        await client.reader.readuntil(b"\r\n\r\n")
        found = b""
        with suppress(ConnectionError):
            found = await client.reader.read()
        assert len(found) < 4

    play(application, playing)
