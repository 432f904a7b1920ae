"""The ASGI application without a server: long answers, and clients that read them slowly or not."""

from __future__ import annotations

import asyncio
import threading
from asyncio import Semaphore
from collections.abc import Coroutine, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.api import downloads, senders, wsgi_bridge
from app.api.asgi import AsgiApp
from app.api.downloads import MAX_UNREAD, MAX_UNREAD_OF_NETWORKS, SLICE
from tests.api.exchange import KEYS, Exchange, Message, application, scope_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse


class Chunks:
    """The iterable of a long answer; knows whether it was closed."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        while self.left:
            self.left -= 1
            yield b"x" * 65_536

    def close(self) -> None:
        self.closed.set()


def test_a_long_answer_is_sent_in_pieces_and_closed() -> None:
    chunks = Chunks(100)
    exchange = Exchange(chunks=chunks)
    exchange.run(scope_of("GET"))
    assert exchange.body == b"x" * 6_553_600
    assert [message["more_body"] for message in exchange.sent[1:]][-2:] == [True, False]
    assert chunks.closed.is_set()


def test_a_client_that_takes_nothing_is_left_alone() -> None:
    chunks = Chunks(1000)
    exchange = Exchange(chunks=chunks)

    async def stuck(message: Message) -> None:
        exchange.sent.append(message)
        if len(exchange.sent) > 3:
            await asyncio.Event().wait()

    exchange.send = stuck  # type: ignore[method-assign] # a client that stops reading
    exchange.run(scope_of("GET"), send_s=0.1)
    assert len(exchange.sent) == 4
    assert chunks.closed.is_set()
    assert chunks.left > 900


def test_an_answer_in_one_piece_is_given_up_too() -> None:
    exchange = Exchange(chunks=[b"x" * (5 * SLICE)])

    async def stuck(message: Message) -> None:
        exchange.sent.append(message)
        if len(exchange.sent) > 1:
            await asyncio.Event().wait()

    exchange.send = stuck  # type: ignore[method-assign] # a client that reads nothing
    exchange.run(scope_of("GET"), send_s=0.1)
    assert [len(message.get("body", b"")) for message in exchange.sent] == [0, SLICE]


def test_a_long_answer_must_be_read_at_a_least_rate() -> None:
    chunks = Chunks(1000)
    exchange = Exchange(chunks=chunks)

    async def slow(message: Message) -> None:
        await asyncio.sleep(0.15)
        exchange.sent.append(message)

    exchange.send = slow  # type: ignore[method-assign] # a client that reads slowly
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(downloads, "MIN_RATE", 100 * SLICE)
        exchange.run(scope_of("GET"), send_s=0.5)
    assert 2 < len(exchange.sent) < 10
    assert chunks.closed.is_set()


async def in_turn(asking: Iterable[Coroutine[None, None, None]], answered: Semaphore) -> None:
    """Each asks once the one before was answered, and reads nothing; in the end all give up."""
    asked = []
    for each in asking:
        asked.append(asyncio.create_task(each))
        await answered.acquire()
    for task in asked:
        task.cancel()
    await asyncio.wait(asked)


def test_who_leaves_answers_unread_is_refused_and_others_are_not() -> None:
    exchange = Exchange(chunks=[b"x" * (MAX_UNREAD // 2 + 1)])
    asgi = AsgiApp(exchange.app)
    refused: list[bool] = []
    answered = asyncio.Semaphore(0)

    async def ask(account: str) -> None:
        async def send(_message: Message) -> None:
            refused.append("wakecall.refusal" in exchange.seen)
            answered.release()
            await asyncio.Event().wait()

        await asgi(
            scope_of("GET", account=account, x_api_key=KEYS[account]), exchange.receive, send
        )

    asyncio.run(in_turn([ask("1"), ask("1"), ask("2")], answered))
    assert refused == [False, True, False]


async def leave_unread(
    asgi: AsgiApp, answered: asyncio.Semaphore, address: str, **headers: str
) -> None:
    """Ask from this address, and take nothing more once the response has begun."""

    async def send(_message: Message) -> None:
        answered.release()
        await asyncio.Event().wait()

    scope = {**scope_of("GET", **headers), "client": (address, 1)}
    await asgi(scope, Exchange().receive, send)


def test_strangers_who_leave_answers_unread_are_refused_by_network() -> None:
    refused: list[bool] = []
    answered = asyncio.Semaphore(0)

    def app(environ: Message, start_response: StartResponse) -> Iterable[bytes]:
        refused.append("wakecall.refusal" in environ)
        start_response("200 OK", [])
        return [b"x" * (MAX_UNREAD // 2 + 1)]

    ask = partial(leave_unread, AsgiApp(app), answered)
    # The last one has a key that this process does not know yet.
    own = ask("192.0.2.2", x_api_key=KEYS["1"])
    asyncio.run(in_turn([ask("192.0.2.1"), ask("192.0.2.1"), own], answered))
    assert refused == [False, True, False]


def test_strangers_of_many_networks_leave_accounts_what_is_theirs() -> None:
    refused: list[bool] = []
    answered = asyncio.Semaphore(0)

    def app(environ: Message, start_response: StartResponse) -> Iterable[bytes]:
        refused.append("wakecall.refusal" in environ)
        start_response("200 OK", [])
        if "HTTP_X_API_KEY" not in environ:
            return [b"x" * (MAX_UNREAD_OF_NETWORKS // 4)]
        senders.note(environ, 1, None)
        return [b"x" * (SLICE + 1)]

    ask = partial(leave_unread, AsgiApp(app), answered)
    strangers = [ask(f"2001:db8:0:{number:x}::1") for number in range(8)]
    own = [ask("192.0.2.1", x_api_key=KEYS["1"]) for _ in range(2)]
    asyncio.run(in_turn([*strangers, *own], answered))
    assert refused == [False] * 10


def test_an_answer_that_is_kept_for_all_is_sent_in_slices_and_given_up() -> None:
    kept = wsgi_bridge.WsgiResponse(
        status=200, headers=[], start=b"x" * (MAX_UNREAD // 2 + 1), rest=None
    )
    sent: list[int] = []

    async def stuck(message: Message) -> None:
        sent.append(len(message.get("body", b"")))
        if len(sent) % 2 == 0:
            await asyncio.Event().wait()

    async def crowd() -> None:
        asgi = AsgiApp(application([]), quick=lambda _: kept, send_s=0.1)
        for _ in range(2):
            await asgi(scope_of("GET"), Exchange().receive, stuck)

    asyncio.run(crowd())
    # The second client is not refused: the bytes are in memory once for all.
    assert sent == [0, SLICE, 0, SLICE]


def test_an_application_that_fails_is_closed() -> None:
    class Failing(Chunks):
        def __iter__(self) -> Iterator[bytes]:
            raise KeyError

    chunks = Failing(1)
    with pytest.raises(KeyError):
        wsgi_bridge.run(application(chunks), {"wsgi.input": None})
    assert chunks.closed.is_set()


def test_the_next_piece_of_an_answer_waits_for_few_pieces_of_another_account() -> None:
    read: list[str] = []
    go = threading.Event()

    class Pieces(Chunks):
        def __init__(self, owner: str) -> None:
            super().__init__(2)
            self.owner = owner

        def __iter__(self) -> Iterator[bytes]:
            for piece in super().__iter__():
                assert go.wait(60)
                read.append(self.owner)
                yield piece

    async def take(_message: Message) -> None:
        """Whatever comes is read at once."""

    async def check() -> None:
        sending = downloads.Downloads()
        standing = [
            asyncio.ensure_future(sending.send(long_answer(Pieces("other")), "other", take))
            for _ in range(200)
        ]
        await asyncio.sleep(0)
        own = asyncio.ensure_future(sending.send(long_answer(Pieces("own")), "own", take))
        for _ in range(5):
            await asyncio.sleep(0)
        go.set()
        await asyncio.gather(own, *standing)
        sending.shutdown()

    asyncio.run(check())
    # Those that are being read, one that is next, and one of the other account after each own one.
    assert read.index("own") <= downloads.THREADS + 1


def long_answer(pieces: Chunks) -> wsgi_bridge.WsgiResponse:
    rest = wsgi_bridge.ResponseRest(iter(pieces), pieces)
    return wsgi_bridge.WsgiResponse(status=200, headers=[], start=b"x", rest=rest)
