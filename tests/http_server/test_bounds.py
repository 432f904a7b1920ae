"""The server with clients that keep silent, never read or are too many; and how it ends."""

from __future__ import annotations

import asyncio

import pytest

from app.http_server import connection as connections
from app.http_server.exchange import ClientGone, Message, Receive, Send
from tests.http_server.serving import GET, Server, echo, play, post, respond, until, whole_body


def test_the_application_waits_for_a_client_that_reads_slowly_and_learns_of_its_end() -> None:
    async def application(_scope: Message, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                sent.append(1)
        except ClientGone:
            gone.set()
            raise

    async def playing(server: Server) -> None:
        client = await server.connect()
        client.writer.write(GET)
        await client.reader.readexactly(1)
        before = -1
        while before != len(sent):
            before = len(sent)
            await asyncio.sleep(0.1)
        client.writer.transport.abort()
        await gone.wait()

    sent: list[int] = []
    gone = asyncio.Event()
    play(application, playing)
    # What the kernel keeps for both sides, and no more.
    assert len(sent) < 1000


def test_a_client_that_never_reads_is_ended_and_costs_little() -> None:
    async def application(_scope: Message, _receive: Receive, send: Send) -> None:
        answered.append(1)
        await respond(send, b"x" * 60_000)

    async def playing(server: Server) -> None:
        client = await server.connect()
        client.writer.write(GET * 10_000)
        await until(lambda: not server.server._connections)

    answered: list[int] = []
    play(application, playing, end_s=0.5)
    assert len(answered) < 1000


def test_bodies_that_nobody_reads_are_not_kept_without_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "MAX_BUFFERED", 100_000)

    async def application(_scope: Message, receive: Receive, send: Send) -> None:
        begun.set()
        await go.wait()
        await respond(send, b"%d" % len(await whole_body(receive) or b""))

    async def playing(server: Server) -> None:
        client = await server.connect()
        client.writer.write(post(b"/", b"x" * 20_000_000))
        await begun.wait()
        (connection,) = server.server._connections
        await until(lambda: connection._is_paused)
        assert connection._exchange is not None
        assert connection._exchange.held < 1_000_000
        go.set()
        assert (await client.answer())[2] == b"20000000"

    begun, go = asyncio.Event(), asyncio.Event()
    play(application, playing)


def test_a_waiting_application_learns_that_its_client_is_gone() -> None:
    async def application(_scope: Message, receive: Receive, _send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"
        gone.set()

    async def playing(server: Server) -> None:
        client = await server.connect()
        client.writer.write(GET)
        await client.writer.drain()
        client.writer.close()
        await gone.wait()

    gone = asyncio.Event()
    play(application, playing)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHo", b"\r\n\r\n", GET])
def test_clients_that_keep_silent_are_ended(sent: bytes) -> None:
    async def playing(server: Server) -> None:
        client = await server.connect()
        client.writer.write(sent)
        if sent == GET:
            await client.answer()
        assert await client.is_closed()

    play(echo, playing, idle_s=0.2)


def test_a_request_may_take_longer_than_a_silent_client() -> None:
    async def application(scope: Message, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1.5)
        await echo(scope, receive, send)

    async def playing(server: Server) -> None:
        client = await server.connect()
        assert (await client.ask(GET))[0] == 200

    play(application, playing, idle_s=0.2)


def test_of_too_many_connections_the_one_that_has_waited_longest_ends() -> None:
    async def playing(server: Server) -> None:
        first = [await server.connect() for _ in range(2)]
        busy = await server.connect()
        assert (await busy.ask(GET))[0] == 200
        more = [await server.connect() for _ in range(2)]
        for each in first:
            assert await each.is_closed()
        for each in (busy, *more):
            assert (await each.ask(GET))[0] == 200

    play(echo, playing, max_connections=3)


def test_requests_under_way_are_answered_at_the_end_and_no_others() -> None:
    async def application(scope: Message, receive: Receive, send: Send) -> None:
        begun.set()
        await echo(scope, receive, send)

    async def playing(server: Server) -> None:
        idle, busy, halfway = [await server.connect() for _ in range(3)]
        assert (await idle.ask(GET))[0] == 200
        halfway.writer.write(GET[:-1])
        begun.clear()
        busy.writer.write(post(b"/x", b"abc")[:-1])
        await begun.wait()
        stopping = asyncio.create_task(server.server.stop())
        assert await idle.is_closed()
        assert await halfway.is_closed()
        with pytest.raises(ConnectionError):
            await server.connect()
        busy.writer.write(b"c" + GET)
        status, fields, body = await busy.answer()
        assert (status, fields["connection"], body) == (200, "close", b"/x|abc")
        assert await busy.is_closed()
        await stopping

    begun = asyncio.Event()
    play(application, playing)
