"""Exchange: message and answer of one RPC, as an ASGI application receives and sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

from app.api.bodies import MAX_DOCUMENT
from app.api.dapr.rpc.calls import OVER, Call, Metadata
from app.api.dapr.rpc.failures import STATUS_TYPE
from app.api.downloads import reading_s
from app.api.fair_gate import GateRefused, Slot
from app.api.wsgi_bridge import Message
from app.log import logger

_TRAILERS: Final = frozenset({b"retry-after", b"ratelimit", b"ratelimit-policy", b"x-request-id"})
"""Fields of an answer that are sent on as trailing metadata."""

_STATUS_TYPE: Final = STATUS_TYPE.encode()
_DETAILS: Final = "grpc-status-details-bin"
_CODES: Final = frozenset(Code.values())


class RpcExchange:
    """Message and answer of one RPC. Each read of a message holds a `slot`.

    A long answer is a message of its own, so that it counts as unread until the client has read it;
    a short one leaves together with the status.
    """

    __slots__ = (
        *("_call", "_headers", "_held", "_is_begun", "_is_cut", "_is_ended", "_is_read"),
        *("_is_waiting", "_message", "_parts", "_slot", "_waiter", "_writes"),
    )

    def __init__(self, call: Call, slot: Callable[[], Slot], *, writes: bool) -> None:
        self._call = call
        self._slot = slot
        self._writes = writes
        self._held: Slot | None = None
        self._is_begun = False
        self._is_read = False
        self._is_cut = False
        """Whether the RPC has ended before its message came."""
        self._message: bytes | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._is_waiting = False
        self._is_ended = False

    def begin(self) -> None:
        """Begin to read the message, if there is room for one more.

        Most messages come together with their RPC. They are here when the work on it begins.
        """
        slot = self._slot()
        if slot.take_free():
            self._read(slot)

    def arrived(self) -> bytes | None:
        """The message if it is here and not long, which an application need not receive."""
        message = self._message
        if message is None or len(message) > MAX_DOCUMENT:
            return None
        self._message = None
        return message

    def leave(self) -> None:
        """Make room for another message."""
        slot, self._held = self._held, None
        if slot is not None:
            slot.leave()

    async def receive(self) -> Message:
        """The whole message at once. Raises ConnectionError where the client is gone."""
        try:
            if not self._is_begun:
                await self._begin_in_turn()
            if not self._is_read:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
        except GateRefused:
            return {"type": "http.disconnect", "crowded": True}
        finally:
            self.leave()
        if self._is_cut:
            raise ConnectionError(OVER)
        message, self._message = self._message, None
        if message is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": message, "more_body": False}

    async def _begin_in_turn(self) -> None:
        slot = self._slot()
        if not slot.is_free():
            self._leave_if_gone()
        try:
            await slot.take()
        finally:
            self._is_waiting = False
        self._read(slot)

    def _read(self, slot: Slot) -> None:
        self._is_begun = True
        self._held = slot
        self._call.begin_read(self._came)

    def _came(self, is_read: bool, message: bytes | None) -> None:  # noqa: FBT001 - as calls have it
        self._is_read = True
        self._is_cut = not is_read
        self._message = message
        if message is None or len(message) <= MAX_DOCUMENT:
            # No more than the core may keep of each message that is not read (WINDOW).
            self.leave()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _leave_if_gone(self) -> None:
        """Do not wait for a turn any more once the client is gone, which a read would tell."""
        task = asyncio.current_task()
        self._is_waiting = True

        def leave() -> None:
            if self._is_waiting and task is not None:
                task.cancel()

        self._call.watch(leave)

    async def send(self, event: Message) -> None:
        """Part of the answer; with the last one it goes to the client."""
        if event["type"] == "http.response.start":
            self._headers = event["headers"]
            return
        self._parts.append(event["body"])
        if not event["more_body"]:
            await self._finish(b"".join(self._parts))

    async def _finish(self, body: bytes) -> None:
        trailers: list[tuple[str, str | bytes]] = []
        is_status = False
        for name, value in self._headers:
            field = _field(name)
            if field is not None:
                trailers.append((field, value.decode()))
            elif value == _STATUS_TYPE and name.lower() == b"content-type":
                is_status = True
        if is_status:
            status = Status.FromString(body)
            code = status.code if status.code in _CODES else Code.INTERNAL
            self.fail(code, status.message, (*trailers, (_DETAILS, body)))
            return
        if self._writes and not await self._write(body):
            self.fail(Code.CANCELLED, "the answer was not read in time", tuple(trailers))
            return
        self._is_ended = True
        self._call.finish(None if self._writes else body, tuple(trailers))

    async def _write(self, body: bytes) -> bool:
        """Write the answer; return False if its client has not read it in time.

        The time is that of a response over HTTP. A client that still answers pings would otherwise
        keep the answer in memory without end.
        """
        is_read = await self._call.write(body, within_s=reading_s(len(body)))
        if not is_read:
            logger.info("client.stopped_reading")
        return is_read

    def fail(self, code: int, details: str, trailers: Metadata = ()) -> None:
        """End the RPC with an error, unless it has ended."""
        if not self._is_ended:
            self._is_ended = True
            self._call.fail(code, details, trailers)


@lru_cache(maxsize=128)
def _field(name: bytes) -> str | None:
    """The name of the trailing metadata for a header of an answer; None for one that stays here."""
    lower = name.lower()
    return lower.decode() if lower in _TRAILERS else None
