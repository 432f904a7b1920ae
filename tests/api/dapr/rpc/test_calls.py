"""RPCs as the core of grpcio has them, driven by an event loop, without the application."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.rpc.code_pb2 import Code

from app.api.dapr.rpc.calls import Call, CallServer, Metadata

PATH = "/test.Service/Do"
MAX_MESSAGE = 1000
MANY = 200
LONG = 16_000_000
"""Bytes that no client takes before it reads."""

Answer = Callable[[Call], Any]


class Served:
    """A server of RPCs in an event loop of its own thread; each is answered by a coroutine."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.port: int = self.run(self._start())

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> int:
        options = [("grpc.max_receive_message_length", MAX_MESSAGE)]
        self._server = CallServer(options, self._begin)
        port = self._server.listen("127.0.0.1:0")
        self._server.start()
        return port

    def _begin(self, call: Call) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self, grace_s: float) -> None:
        self.run(self._server.stop(grace_s))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def served(answer: Answer) -> Iterator[tuple[Served, Any]]:
    """The server, and a client's RPC."""
    server = Served(answer)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield server, channel.stream_stream(PATH)
            server.stop(5)
    finally:
        server.close()


async def echo(call: Call) -> None:
    message = await call.read()
    call.finish(message, (("a", call.method), ("b-bin", b"\xff")))


def test_an_rpc_is_answered_with_a_message_and_trailers() -> None:
    with served(echo) as (_, rpc):
        called = rpc(iter([b"hello"]), timeout=30)

        assert list(called) == [b"hello"]
        assert called.code() is grpc.StatusCode.OK
        assert dict(called.trailing_metadata()) == {"a": PATH, "b-bin": b"\xff"}


def test_many_rpcs_at_once_are_all_answered() -> None:
    with served(echo) as (_, rpc):
        called = [rpc(iter([b"%d" % number]), timeout=30) for number in range(MANY)]

        assert [list(each) for each in called] == [[b"%d" % number] for number in range(MANY)]


def test_what_a_client_sends_along_and_where_it_is() -> None:
    seen: list[tuple[Metadata, str]] = []

    async def answer(call: Call) -> None:
        seen.append((call.metadata, call.peer))
        await echo(call)

    with served(answer) as (_, rpc):
        list(rpc(iter([b""]), timeout=30, metadata=(("key", "value"), ("t-bin", b"\0"))))

    [(metadata, peer)] = seen
    assert ("key", "value") in metadata
    assert ("t-bin", b"\0") in metadata
    assert peer.startswith("ipv4:127.0.0.1:")


def test_an_error_has_a_code_details_and_trailers() -> None:
    async def answer(call: Call) -> None:
        call.fail(Code.NOT_FOUND, "nöthing", (("a", "b"),))

    with served(answer) as (_, rpc):
        called = rpc(iter([]), timeout=30)

        assert called.code() is grpc.StatusCode.NOT_FOUND
        assert called.details() == "nöthing"
        assert ("a", "b") in called.trailing_metadata()


def test_messages_are_written_and_read_one_after_the_other() -> None:
    async def answer(call: Call) -> None:
        while (message := await call.read()) is not None:
            assert await call.write(message * 2, within_s=30)
        call.finish(None, ())

    with served(answer) as (_, rpc):
        assert list(rpc(iter([b"a", b"b"]), timeout=30)) == [b"aa", b"bb"]


def test_a_message_that_is_not_read_in_time_ends_the_rpc() -> None:
    left: list[bool] = []
    ended = threading.Event()

    async def answer(call: Call) -> None:
        await call.read()
        left.append(await call.write(b"x" * LONG, within_s=0.2))
        call.fail(Code.CANCELLED, "")
        ended.set()

    with served(answer) as (_, rpc):
        called = rpc(iter([b""]), timeout=60)

        assert ended.wait(30)
        assert left == [False]
        with pytest.raises(grpc.RpcError):
            list(called)


def test_a_message_that_is_too_long_ends_the_rpc_before_it_is_read() -> None:
    raised: list[BaseException] = []

    async def answer(call: Call) -> None:
        try:
            await call.read()
        except ConnectionError as error:
            raised.append(error)
        call.fail(Code.CANCELLED, "")

    with served(answer) as (_, rpc):
        called = rpc(iter([b"x" * (MAX_MESSAGE + 1)]), timeout=30)

        assert called.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(raised) == 1


@pytest.mark.parametrize("waits_for", ["message", "turn"])
def test_a_client_that_is_gone_is_noticed(waits_for: str) -> None:
    begun, noticed = threading.Event(), threading.Event()

    async def answer(call: Call) -> None:
        gone = asyncio.Event()
        if waits_for == "turn":
            call.watch(gone.set)
        begun.set()
        try:
            await (call.read() if waits_for == "message" else gone.wait())
        except ConnectionError:
            assert waits_for == "message"
        call.finish(b"", ())
        noticed.set()

    go_on = threading.Event()

    def nothing() -> Iterator[bytes]:
        go_on.wait(30)
        yield b""

    with served(answer) as (_, rpc):
        called = rpc(nothing(), timeout=30)
        assert begun.wait(30)
        called.cancel()
        assert noticed.wait(30)
        go_on.set()


def test_nobody_is_told_that_a_client_is_gone_which_has_its_answer() -> None:
    gone: list[None] = []

    async def answer(call: Call) -> None:
        call.watch(lambda: gone.append(None))
        await echo(call)

    with served(answer) as (_, rpc):
        assert list(rpc(iter([b"a"]), timeout=30)) == [b"a"]
    assert gone == []


def test_a_server_that_stops_lets_rpcs_end_and_cancels_what_is_left() -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    async def answer(call: Call) -> None:
        message = await call.read()
        begun.release()
        if message == b"late":
            gone = asyncio.Event()
            call.watch(gone.set)
            await gone.wait()
        else:
            await asyncio.to_thread(go_on.wait)
        call.finish(message, ())

    with served(answer) as (server, rpc):
        early, late = (rpc(iter([each]), timeout=30) for each in (b"early", b"late"))
        assert begun.acquire(timeout=30)
        assert begun.acquire(timeout=30)
        stopping = threading.Thread(target=server.stop, args=(1.0,))
        stopping.start()
        go_on.set()

        assert list(early) == [b"early"]
        stopping.join()
        assert late.code() is not grpc.StatusCode.OK


def test_an_rpc_may_be_ended_after_its_server_was_stopped() -> None:
    begun, go_on, ended = (threading.Event() for _ in range(3))

    async def answer(call: Call) -> None:
        begun.set()
        await asyncio.to_thread(go_on.wait)
        call.finish(b"", ())
        ended.set()

    with served(answer) as (server, rpc):
        called = rpc(iter([b""]), timeout=30)
        assert begun.wait(30)
        server.stop(0.0)
        go_on.set()

        assert ended.wait(30)
        assert called.code() is not grpc.StatusCode.OK
