"""Downloads: sends responses to clients that may read slowly, or not at all.

A long response is sent in slices. A client must read each slice within a time limit, and the whole
at a minimum rate, or the response is abandoned. Bytes that are not read yet count against the
account that they are sent to.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from app.api import wsgi_bridge
from app.api.fair_gate import FairGate
from app.api.shared_budget import SeparateBudgets
from app.api.wsgi_bridge import ResponseRest, Send, WsgiResponse
from app.log import logger

SLICE: Final = 64 * 1024
THREADS: Final = 2
SEND_S: Final = 30.0
# Bytes a second at which a long response must be read on average, after SEND_S.
MIN_RATE: Final = 64 * 1024
MAX_UNREAD: Final = 64 * 1024 * 1024
"""Bytes of responses that accounts have not read yet."""

MAX_UNREAD_OF_NETWORKS: Final = 32 * 1024 * 1024
"""The same of clients without a known key."""


class Downloads:
    """Sends responses. A client must read each slice within `send_s` seconds.

    Each of its threads calls `begin` first.
    """

    def __init__(
        self,
        *,
        send_s: float = SEND_S,
        max_unread: int = MAX_UNREAD,
        max_unread_of_networks: int = MAX_UNREAD_OF_NETWORKS,
        begin: Callable[[], None] | None = None,
    ) -> None:
        self._send_s = send_s
        # The rest of a long response may have to be read from disk.
        self._threads = ThreadPoolExecutor(THREADS, "answer", initializer=begin)
        # In turn by owner, so that a piece waits for few pieces of others.
        self._turns = FairGate(THREADS, THREADS, max_waiting=sys.maxsize, max_wait_s=None)
        self.unread = SeparateBudgets(accounts=max_unread, networks=max_unread_of_networks)

    def shutdown(self) -> None:
        """End the threads when they have finished their work."""
        self._threads.shutdown()

    async def send(self, answer: WsgiResponse, owner: int | str, send: Send) -> None:
        """Send the whole response, or abandon it if its client reads too slowly."""
        if _is_short(answer):
            await wsgi_bridge.send_whole(answer, send)
            return
        size = len(answer.start)
        self.unread.add(owner, size)
        try:
            await self._send_long(answer, owner, send)
        finally:
            self.unread.release(owner, size)

    async def send_kept(self, answer: WsgiResponse, send: Send) -> None:
        """As `send`, of a response that is kept for all clients and so counts against nobody.

        Sent at once, it would be copied for each client that does not read it.
        """
        if _is_short(answer):
            await wsgi_bridge.send_whole(answer, send)
        else:
            await self._send_long(answer, None, send)

    async def _send_long(self, answer: WsgiResponse, owner: Hashable, send: Send) -> None:
        try:
            await send(
                {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
            )
            await self._send_slices(answer, owner, send)
        except TimeoutError:
            logger.info("client.stopped_reading")

    async def _send_slices(self, answer: WsgiResponse, owner: Hashable, send: Send) -> None:
        loop = asyncio.get_running_loop()
        begun, sent = loop.time(), 0

        async def put(piece: bytes) -> None:
            nonlocal sent
            for at in range(0, len(piece), SLICE):
                part = piece[at : at + SLICE]
                latest = begun + reading_s(sent, self._send_s)
                async with asyncio.timeout_at(min(loop.time() + self._send_s, latest)):
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                sent += len(part)

        rest = answer.rest
        try:
            await put(answer.start)
            while rest and (piece := await self._next(rest, owner)):
                await put(piece)
        finally:
            if rest is not None:
                rest.close()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, rest: ResponseRest, owner: Hashable) -> bytes:
        """Return the next piece of a response, read in a thread; nothing after the last one."""
        async with self._turns.slot(owner):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, next, rest, b"")


def reading_s(size: int, send_s: float = SEND_S) -> float:
    """Return how many seconds a client may take to read so many bytes of a response."""
    return send_s + size / MIN_RATE


def _is_short(answer: WsgiResponse) -> bool:
    """Whether a response is sent in one piece."""
    return answer.rest is None and len(answer.start) <= SLICE
