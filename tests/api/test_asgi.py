"""The ASGI application without a server: slow bodies, and the life of the process."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest
from werkzeug.wrappers import Request

from app.api import senders
from app.api.asgi import LONG_AT_ONCE, THREADS, AsgiApp
from app.api.bodies import FAILURE, MAX_DOCUMENT, MAX_LONG, BodyFailure
from app.api.uploads import (
    BODY_S,
    GRACE_S,
    MAX_DRAINED,
    MAX_DRAINED_UNKNOWN,
    MAX_LONG_BODIES,
)
from tests.api.exchange import KEYS, Exchange, Message, application, chunk, scope_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse


def test_the_target_is_handed_over_as_it_came_and_decoded() -> None:
    seen = Exchange().run(scope_of("GET", x_api_key="k", accept="a", Accept="b"))
    assert seen["REQUEST_URI"] == "/1/jobs/a%2Fb%FF?c=%2F"
    assert seen["PATH_INFO"] == "/1/jobs/a/b\xff"
    assert seen["QUERY_STRING"] == "c=%2F"
    assert (seen["HTTP_X_API_KEY"], seen["HTTP_ACCEPT"]) == ("k", "a,b")


@pytest.mark.parametrize("path", ["//1/runs", "/%2F/1/runs", "/1/runs"])
def test_method_and_path_are_those_by_which_flask_finds_the_route(path: str) -> None:
    seen = Exchange().run({**scope_of("get"), "raw_path": path.encode()})
    asked = Request(seen)
    assert (seen["REQUEST_METHOD"], seen["PATH_INFO"]) == (asked.method, asked.path)
    assert seen["REQUEST_URI"].startswith(path)


def test_a_name_with_an_underscore_is_no_header() -> None:
    scope = scope_of("GET")
    scope["headers"] = [(b"x_api_key", b"k"), (b"content-type", b"a/b")]
    seen = Exchange().run(scope)
    assert "HTTP_X_API_KEY" not in seen
    assert seen["CONTENT_TYPE"] == "a/b"


def test_a_body_is_whole_before_the_application_is_called() -> None:
    exchange = Exchange([chunk(b"a", more=True), chunk(b"", more=True), chunk(b"bc")])
    assert exchange.run(scope_of(content_length="3"))["body"] == b"abc"
    assert [message["type"] for message in exchange.sent] == [
        "http.response.start",
        "http.response.body",
    ]
    assert (exchange.sent[0]["status"], exchange.sent[0]["headers"]) == (201, [(b"A", b"b")])
    assert exchange.body == b"ok"


def test_a_body_of_the_announced_length_is_complete_whatever_the_server_says() -> None:
    exchange = Exchange([chunk(b"a", more=True), chunk(b"bc", more=True)])
    assert exchange.run(scope_of(content_length="3"))["body"] == b"abc"
    assert exchange.received == 2


def test_without_a_body_nothing_is_waited_for() -> None:
    for scope in (scope_of(), scope_of(content_length="0")):
        exchange = Exchange()
        assert exchange.run(scope)["body"] == b""
        assert exchange.received == 0


def test_a_body_in_chunks_needs_no_length() -> None:
    seen = Exchange([chunk(b"a", more=True), chunk(b"")]).run(scope_of(transfer_encoding="chunked"))
    assert (seen["body"], FAILURE in seen) == (b"a", False)


@pytest.mark.parametrize(
    ("arriving", "headers", "failure", "read"),
    [
        ([chunk(b"a", more=True)], {"content_length": "2"}, BodyFailure.SLOW, 1),
        ([chunk(b"a", more=True)], {"transfer_encoding": "chunked"}, BodyFailure.SLOW, 1),
        (
            [chunk(b"a", more=True), {"type": "http.disconnect"}],
            {"content_length": "2"},
            BodyFailure.CUT,
            2,
        ),
        ([chunk(b"x" * MAX_DOCUMENT), chunk(b"")], {"content_length": "65536"}, None, 1),
        ([chunk(b"x" * (MAX_DOCUMENT + 1))], {"content_length": "65537"}, BodyFailure.LONG, 1),
        (
            [chunk(b"x" * MAX_DOCUMENT, more=True), chunk(b"x")],
            {"transfer_encoding": "chunked"},
            BodyFailure.LONG,
            2,
        ),
        # Its sender waits for 100 Continue; refused, it need not send.
        ([], {"content_length": "65537", "expect": "100-continue"}, BodyFailure.LONG, 0),
        ([], {"content_length": str(MAX_DRAINED + 1)}, BodyFailure.LONG, 0),
        (
            [chunk(b"x" * 2**20, more=True)] * 100,
            {"transfer_encoding": "chunked"},
            BodyFailure.LONG,
            17,
        ),
        (
            [chunk(b"x" * 2**20, more=True)],
            {"transfer_encoding": "chunked"},
            BodyFailure.LONG,
            1,
        ),
    ],
)
def test_the_application_learns_why_a_body_did_not_arrive(
    arriving: list[Message], headers: dict[str, str], failure: BodyFailure | None, read: int
) -> None:
    exchange = Exchange(arriving)
    seen = exchange.run(scope_of(**headers), body_s=0.2)
    assert seen.get(FAILURE) == failure
    assert exchange.received == read
    assert len(seen["body"]) == (MAX_DOCUMENT if failure is None else 0)


def bulk_scope(path: bytes = b"/1/jobs/bulk", **headers: str) -> Message:
    return {**scope_of(**headers), "raw_path": path}


@pytest.mark.parametrize(
    ("scope", "size", "failure"),
    [
        (bulk_scope(content_length="1"), MAX_LONG, None),
        (bulk_scope(b"/1/jobs/%62ulk", content_length="1"), MAX_LONG, None),
        (bulk_scope(content_length="1"), MAX_LONG + 1, BodyFailure.LONG),
        (bulk_scope(b"/1/jobs", content_length="1"), MAX_DOCUMENT + 1, BodyFailure.LONG),
        (bulk_scope(b"/1/jobs/bulk/", content_length="1"), MAX_DOCUMENT + 1, BodyFailure.LONG),
        (
            {**bulk_scope(content_length="1"), "method": "PUT"},
            MAX_DOCUMENT + 1,
            BodyFailure.LONG,
        ),
        (bulk_scope(content_length="4194304", expect="100-continue"), MAX_LONG, None),
    ],
)
def test_one_route_alone_may_have_long_bodies(
    scope: Message, size: int, failure: BodyFailure | None
) -> None:
    parts = [chunk(b"x" * 65_536, more=True)] * (size // 65_536)
    seen = Exchange([*parts, chunk(b"x" * (size % 65_536))]).run(scope)
    assert seen.get(FAILURE) == failure
    assert len(seen["body"]) == (size if failure is None else 0)


def test_no_account_takes_the_last_slots_for_long_bodies() -> None:
    exchange = Exchange()
    asgi = AsgiApp(exchange.app)
    sent: list[tuple[str, BodyFailure | None]] = []
    first, rest = chunk(b"x" * (MAX_DOCUMENT + 1), more=True), chunk(b"x")
    placed = asyncio.Semaphore(0)

    async def ask(account: str, *arriving: Message | asyncio.Event) -> None:
        waiting = iter(arriving)

        async def receive() -> Message:
            message = next(waiting)
            if isinstance(message, asyncio.Event):
                placed.release()
                await message.wait()
                message = next(waiting)
                assert not isinstance(message, asyncio.Event)
            return message

        await asgi(bulk_scope(transfer_encoding="chunked", account=account), receive, exchange.send)
        sent.append((account, exchange.seen.get(FAILURE)))

    async def crowd() -> None:
        go = asyncio.Event()
        half = MAX_LONG_BODIES // 2

        async def hold(account: str, number: int) -> list[asyncio.Task[None]]:
            tasks = [asyncio.create_task(ask(account, first, go, rest)) for _ in range(number)]
            for _ in tasks:
                await placed.acquire()
            return tasks

        held = await hold("1", half)
        await ask("1", first, rest)
        await ask("1", rest)
        assert sent == [("1", BodyFailure.CROWDED_BY_ITSELF), ("1", None)]
        held[0].cancel()
        await asyncio.wait(held[:1])
        held += await hold("1", 1)
        held += await hold("2", half // 2)
        await ask("2", first, rest)
        await ask("3", first, rest)
        assert sent[2:] == [("2", BodyFailure.CROWDED_BY_ITSELF), ("3", None)]
        go.set()
        await asyncio.wait(held)
        assert len(sent) == 4 + half + half // 2
        assert {failure for _, failure in sent[4:]} == {None}

    asyncio.run(crowd())


def test_a_sender_without_a_valid_key_gets_no_place() -> None:
    exchange = Exchange()

    def refusing(_environ: Message, start_response: StartResponse) -> Iterable[bytes]:
        start_response("401 Unauthorized", [])
        return [b"no"]

    parts = [chunk(b"x" * MAX_DOCUMENT, more=True)] * 100
    exchange.arriving = iter(parts)
    asgi = AsgiApp(refusing)
    asyncio.run(asgi(bulk_scope(transfer_encoding="chunked"), exchange.receive, exchange.send))
    assert exchange.sent[0]["status"] == 401
    assert exchange.received * MAX_DOCUMENT == MAX_DRAINED_UNKNOWN + MAX_DOCUMENT
    exchange.sent.clear()
    announced = bulk_scope(content_length=f"{MAX_LONG + 1}")
    asyncio.run(AsgiApp(refusing)(announced, exchange.receive, exchange.send))
    assert exchange.sent[0]["status"] == 401
    assert exchange.received * MAX_DOCUMENT == MAX_DRAINED_UNKNOWN + MAX_DOCUMENT


def test_a_long_body_must_arrive_at_a_least_rate() -> None:
    exchange = Exchange()
    begun = time.monotonic()

    async def receive() -> Message:
        await asyncio.sleep(0.2)
        exchange.received += 1
        return chunk(b"x" * (MAX_DOCUMENT if exchange.received == 1 else 1), more=True)

    exchange.receive = receive  # type: ignore[method-assign] # a client that sends slowly
    seen = exchange.run(bulk_scope(transfer_encoding="chunked"))
    assert seen[FAILURE] == BodyFailure.SLOW
    assert GRACE_S <= time.monotonic() - begun < BODY_S / 2


def test_few_long_bodies_are_answered_at_once_and_short_ones_go_past_them() -> None:
    inside = threading.Semaphore(0)
    leave = threading.Event()
    under_way: list[int] = []
    now = 0
    lock = threading.Lock()

    def app(environ: Message, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal now
        senders.note(environ, 1, None)
        if len(environ["wsgi.input"].read()) > MAX_DOCUMENT:
            with lock:
                now += 1
                under_way.append(now)
            inside.release()
            assert leave.wait(30)
            with lock:
                now -= 1
        start_response("200 OK", [])
        return [b"ok"]

    asgi = AsgiApp(app)
    answered: list[int] = []

    async def ask(body: bytes) -> None:
        async def receive() -> Message:
            return chunk(body)

        async def send(_message: Message) -> None:
            """Nobody reads it."""

        await asgi(bulk_scope(content_length=f"{len(body)}"), receive, send)
        answered.append(len(body))

    async def crowd() -> None:
        long = [asyncio.create_task(ask(b"x" * (MAX_DOCUMENT + 1))) for _ in range(THREADS)]
        for _ in range(LONG_AT_ONCE):
            await asyncio.to_thread(inside.acquire, timeout=30)
        await ask(b"x")
        assert answered == [1]
        leave.set()
        await asyncio.gather(*long)

    asyncio.run(crowd())

    assert len(answered) == THREADS + 1
    assert max(under_way) == LONG_AT_ONCE


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/1/runs"),
        ("get", "//1/runs"),
        ("POST", "/1/runs/redeliver"),
        ("POST", "/1/runs/1/redeliver"),
    ],
)
def test_an_account_gets_its_lists_one_after_the_other_and_other_requests_go_past_them(
    method: str, path: str
) -> None:
    inside = threading.Semaphore(0)
    leave = threading.Event()
    under_way: list[str] = []
    most: list[int] = []

    def app(environ: Message, start_response: StartResponse) -> Iterable[bytes]:
        account = environ["HTTP_ACCOUNT"]
        senders.note(environ, int(account), None)
        if environ["PATH_INFO"] == path.replace("//", "/"):
            under_way.append(account)
            most.append(under_way.count(account))
            inside.release()
            assert leave.wait(30)
            under_way.remove(account)
        start_response("200 OK", [])
        return [b"ok"]

    asgi = AsgiApp(app)
    answered: list[str] = []

    async def ask(asked: str, account: str) -> None:
        async def send(_message: Message) -> None:
            """Nobody reads it."""

        scope = scope_of(
            method if asked == path else "GET", x_api_key=KEYS[account], account=account
        )
        await asgi({**scope, "raw_path": asked.encode()}, Exchange().receive, send)
        answered.append(asked)

    async def crowd() -> None:
        for account in KEYS:
            await ask("/1/account", account)
        lists = [asyncio.create_task(ask(path, each)) for each in "111122"]
        for _ in KEYS:
            await asyncio.to_thread(inside.acquire, timeout=30)
        await ask("/1/account", "1")
        assert answered == ["/1/account"] * 3
        leave.set()
        await asyncio.gather(*lists)

    asyncio.run(crowd())

    assert len(answered) == 3 + 6
    assert max(most) == 1


def test_the_process_begins_and_ends_with_the_server() -> None:
    begun: list[str] = []

    async def begin() -> None:
        begun.append("begun")

    async def live() -> list[Message]:
        events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        sent: list[Message] = []

        async def receive() -> Message:
            return next(events)

        async def send(message: Message) -> None:
            sent.append(message)

        await AsgiApp(application([]), begin=begin)({"type": "lifespan"}, receive, send)
        return sent

    messages = asyncio.run(live())
    assert begun == ["begun"]
    assert [message["type"] for message in messages] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
