"""An RPC's message: read at once where there is room, and counted while it is long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from google.rpc.code_pb2 import Code

from app.api.bodies import MAX_DOCUMENT
from app.api.dapr.rpc.calls import Call, Metadata
from app.api.dapr.rpc.exchange import RpcExchange
from app.api.downloads import MIN_RATE, SEND_S
from app.api.fair_gate import FairGate

Came = Callable[[bool, bytes | None], object]


class FakeCall:
    """An RPC whose message comes when the test says so."""

    def __init__(self) -> None:
        self.came: Came | None = None
        self.gone: Callable[[], object] | None = None
        self.within_s = 0.0
        self.ends: list[int] = []

    def begin_read(self, came: Came) -> None:
        assert self.came is None, "it has one message, which is read once"
        self.came = came

    def watch(self, gone: Callable[[], object]) -> None:
        self.gone = gone

    async def write(self, _message: bytes, *, within_s: float) -> bool:
        self.within_s = within_s
        return False

    def fail(self, code: int, _details: str, _trailers: Metadata = ()) -> None:
        self.ends.append(code)

    def bring(self, message: bytes | None, *, is_read: bool = True) -> None:
        assert self.came is not None
        self.came(is_read, message)


def begun(gate: FairGate) -> tuple[FakeCall, RpcExchange]:
    call = FakeCall()
    exchange = RpcExchange(cast("Call", call), lambda: gate.slot("a"), writes=False)
    exchange.begin()
    return call, exchange


def is_full(gate: FairGate) -> bool:
    return not gate.slot("b").is_free()


async def one_waits(gate: FairGate) -> tuple[FakeCall, FakeCall, asyncio.Future[dict[str, Any]]]:
    """Two RPCs, of which the second waits for the room that the first has."""
    first, _ = begun(gate)
    second, waiting = begun(gate)
    receiving = asyncio.ensure_future(waiting.receive())
    await asyncio.sleep(0)
    return first, second, receiving


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_message_that_came_with_its_rpc_is_not_waited_for() -> None:
    gate = FairGate(1, 1)
    call, exchange = begun(gate)
    assert is_full(gate)
    assert exchange.arrived() is None

    call.bring(b"")

    assert not is_full(gate)
    assert exchange.arrived() == b""


@pytest.mark.parametrize("comes_first", [True, False])
def test_a_long_message_has_its_place_until_it_is_received(*, comes_first: bool) -> None:
    async def check() -> None:
        gate = FairGate(1, 1)
        call, exchange = begun(gate)
        long = b"x" * (MAX_DOCUMENT + 1)
        if comes_first:
            call.bring(long)
        receiving = asyncio.ensure_future(exchange.receive())
        if not comes_first:
            await asyncio.sleep(0)
            call.bring(long)
        assert exchange.arrived() is None
        assert is_full(gate)
        assert (await receiving)["body"] == long
        assert not is_full(gate)

    asyncio.run(check())


def test_without_room_a_message_is_read_in_turn() -> None:
    async def check() -> None:
        gate = FairGate(1, 1)
        first, second, receiving = await one_waits(gate)
        assert second.came is None
        assert second.gone is not None
        first.bring(b"first")
        await settle()
        second.bring(b"second")
        expected = {"type": "http.request", "body": b"second", "more_body": False}
        assert await receiving == expected
        assert not is_full(gate)

    asyncio.run(check())


def test_without_room_an_rpc_whose_client_is_gone_leaves_its_queue() -> None:
    async def check() -> None:
        gate = FairGate(1, 1)
        first, second, receiving = await one_waits(gate)
        assert second.gone is not None
        second.gone()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        first.bring(b"")
        assert not is_full(gate)

    asyncio.run(check())


def test_an_rpc_that_ends_before_its_message_is_cut_and_gives_its_place_back() -> None:
    async def check() -> None:
        gate = FairGate(1, 1)
        call, exchange = begun(gate)
        receiving = asyncio.ensure_future(exchange.receive())
        await asyncio.sleep(0)
        call.bring(None, is_read=False)
        with pytest.raises(ConnectionError):
            await receiving
        assert not is_full(gate)

    asyncio.run(check())


def test_a_client_that_sends_no_message_has_none() -> None:
    async def check() -> dict[str, Any]:
        call, exchange = begun(FairGate(1, 1))
        call.bring(None)
        assert exchange.arrived() is None
        return await exchange.receive()

    assert asyncio.run(check()) == {"type": "http.disconnect"}


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_message_that_does_not_come_in_time_keeps_no_place(*, is_cancelled: bool) -> None:
    async def check() -> None:
        gate = FairGate(1, 1)
        call, exchange = begun(gate)
        if is_cancelled:
            receiving = asyncio.ensure_future(exchange.receive())
            await asyncio.sleep(0)
            receiving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await receiving
        else:
            exchange.leave()
        assert not is_full(gate)
        # It comes late, when its place may be another's.
        other, _ = begun(gate)
        call.bring(b"late")
        assert is_full(gate)
        other.bring(b"")
        assert not is_full(gate)

    asyncio.run(check())


def test_an_answer_that_is_not_read_in_time_ends_the_rpc(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def check() -> FakeCall:
        call = FakeCall()
        gate = FairGate(1, 1)
        exchange = RpcExchange(cast("Call", call), lambda: gate.slot("a"), writes=True)
        await exchange.send({"type": "http.response.start", "status": 200, "headers": []})
        body = b"x" * (10 * MIN_RATE)
        await exchange.send({"type": "http.response.body", "body": body, "more_body": False})
        # What is done with an RPC that has ended has no effect.
        exchange.fail(Code.INTERNAL, "")
        return call

    call = asyncio.run(check())
    assert (call.within_s, call.ends) == (SEND_S + 10, [Code.CANCELLED])
    assert "client.stopped_reading" in capsys.readouterr().out
