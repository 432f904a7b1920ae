"""Whole requests: an application may take one whose head is known, and answer it without a task."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from app.http_server.exchange import NOTES, Message, Receive, Send
from app.http_server.whole_requests import PASSED_ON, WholeRequest
from tests.http_server.serving import GET, Server, echo, play, post, respond, until

WHOLE = post(b"/take", b"abc")
"""A request that is taken when its head is known."""


class Taking:
    """Takes whole requests for /take, and keeps them for the test to answer."""

    def __init__(self) -> None:
        self.offered: list[bytes] = []
        self.taken: list[WholeRequest] = []
        self.served: list[Message] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        scope[NOTES]["known"] = True
        self.served.append(scope)
        await echo(scope, receive, send)

    def take(self, request: WholeRequest) -> bool:
        self.offered.append(request.body)
        if request.head.path == b"/defect":
            raise RuntimeError
        if request.head.path != b"/take":
            return False
        self.taken.append(request)
        return True

    async def next(self) -> WholeRequest:
        """The next request that is taken."""
        await until(lambda: self.taken)
        return self.taken.pop(0)


@pytest.fixture
def taking() -> Taking:
    return Taking()


def test_a_request_with_a_known_head_is_answered_by_whoever_takes_it(taking: Taking) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        assert (await client.ask(WHOLE))[2] == b"/take|abc"
        assert taking.offered == []
        for body in (b"abc", b"xyz"):
            client.writer.write(post(b"/take", body))
            request = await taking.next()
            assert (request.body, request.head.method) == (body, "POST")
            request.answer(201, [(b"A", b"b"), (b"Content-Length", b"9")], b"done")
            status, fields, answer = await client.answer()
            assert (status, fields["a"], fields["content-length"], answer) == (
                201,
                "b",
                "4",
                b"done",
            )
            assert fields.keys() == {"a", "content-length", "date"}
        assert len(taking.served) == 1
        assert (await client.ask(GET))[0] == 200

    play(taking, playing)


def test_what_is_not_taken_is_served_as_all_others(
    taking: Taking, caplog: pytest.LogCaptureFixture
) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        for path in (b"/other", b"/defect"):
            for _ in range(2):
                assert (await client.ask(post(path, b"abc")))[::2] == (200, path + b"|abc")
        assert (await client.ask(post(b"/take", b"abc", b"Connection: keep-alive")))[0] == 200

    play(taking, playing)
    assert taking.offered == [b"abc"] * 2
    assert len(taking.served) == 5
    assert PASSED_ON not in taking.served[-1]
    assert [each.getMessage() for each in caplog.records].count("http.failed") <= 1


def test_a_body_that_comes_later_or_none_or_in_chunks_is_not_offered(taking: Taking) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        await client.ask(WHOLE)
        client.writer.write(WHOLE[:-1])
        await until(lambda: len(taking.served) == 2)
        client.writer.write(WHOLE[-1:])
        assert (await client.answer())[2] == b"/take|abc"
        chunked = b"POST /take HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        for sent in (post(b"/take", b""), chunked):
            for _ in range(2):
                assert (await client.ask(sent))[0] == 200

    play(taking, playing)
    assert taking.offered == []


def test_a_request_that_is_passed_on_has_what_was_said_of_it(taking: Taking) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        await client.ask(WHOLE)
        client.writer.write(WHOLE + GET)
        (await taking.next()).pass_on({"a": 1})
        assert (await client.answer())[2] == b"/take|abc"
        assert (await client.answer())[2] == b"/|"
        assert [each.get(PASSED_ON) for each in taking.served] == [None, {"a": 1}, None]

    play(taking, playing)


def test_further_requests_wait_until_it_is_answered(taking: Taking) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        await client.ask(WHOLE)
        client.writer.write(WHOLE * 2 + GET)
        request = await taking.next()
        client.writer.write(GET)
        other = await server.connect()
        await other.ask(GET)
        assert (len(taking.taken), len(taking.served)) == (0, 2)
        request.answer(200, (), b"first")
        assert taking.taken
        (await taking.next()).answer(200, (), b"second")
        answers = [(await client.answer())[2] for _ in range(4)]
        assert answers == [b"first", b"second", b"/|", b"/|"]

    play(taking, playing)


def test_a_defect_of_whoever_took_it_does_not_leave_the_client_waiting(taking: Taking) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        await client.ask(WHOLE)
        client.writer.write(WHOLE)
        request = await taking.next()
        with pytest.raises(ValueError, match="B: c"):
            request.answer(200, [(b"A", b"b\r\nB: c")], b"x")
        request.fail()
        request.fail()
        assert (await client.answer())[::2] == (500, b"")
        assert (await client.ask(GET))[0] == 200

    play(taking, playing)


@pytest.mark.parametrize("field", [b"Connection: close", b"Connection: x"])
@pytest.mark.parametrize("passes_on", [False, True])
def test_a_client_that_sends_no_more_still_gets_its_response(
    taking: Taking, field: bytes, *, passes_on: bool
) -> None:
    async def playing(server: Server) -> None:
        sent = post(b"/take", b"abc", field)
        await (await server.connect()).ask(sent)
        client = await server.connect()
        client.writer.write(sent)
        request = await taking.next()
        if field == b"Connection: x":
            (connection,) = [each for each in server.server._connections if each._exchange]
            client.writer.write_eof()
            await until(lambda: connection.is_last)
        if passes_on:
            request.pass_on({})
        else:
            request.answer(200, (), b"/take|abc")
        status, fields, body = await client.answer()
        assert (status, fields["connection"], body) == (200, "close", b"/take|abc")
        assert await client.is_closed()

    play(taking, playing)


@pytest.mark.parametrize("passes_on", [False, True])
def test_of_a_client_that_is_gone_nothing_remains(taking: Taking, *, passes_on: bool) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        await client.ask(WHOLE)
        client.writer.write(WHOLE)
        request = await taking.next()
        # The end of a client that has no more to send would not be told from it.
        link = client.writer.get_extra_info("socket")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()
        await until(lambda: not server.server._connections)
        if passes_on:
            request.pass_on({})
            await until(lambda: len(taking.served) == 2)
        else:
            request.answer(200, (), b"x")
        async with asyncio.timeout(10):
            await server.server.stop()
        assert server.server._taken == 0

    play(taking, playing)


@pytest.mark.parametrize("passes_on", [False, True])
def test_the_server_stops_when_it_is_answered(taking: Taking, *, passes_on: bool) -> None:
    async def playing(server: Server) -> None:
        client, later = await server.connect(), await server.connect()
        await client.ask(WHOLE)
        requests = []
        for each in (client, later):
            each.writer.write(WHOLE)
            requests.append(await taking.next())
        stopping = asyncio.create_task(server.server.stop())
        await until(lambda: server.server.is_stopping)
        if passes_on:
            requests[0].pass_on({})
        else:
            requests[0].answer(200, (), b"/take|abc")
        status, fields, body = await client.answer()
        assert (status, fields["connection"], body) == (200, "close", b"/take|abc")
        assert await client.is_closed()
        assert not stopping.done()
        requests[1].answer(200, (), b"")
        assert (await later.answer())[0] == 200
        await stopping

    play(taking, playing)


def test_an_application_that_takes_none_is_offered_none() -> None:
    async def application(scope: Message, _receive: Receive, send: Send) -> None:
        scope[NOTES]["known"] = True
        await respond(send)

    async def playing(server: Server) -> None:
        client = await server.connect()
        for _ in range(2):
            assert (await client.ask(WHOLE))[0] == 200

    play(application, playing)
