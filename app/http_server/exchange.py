"""Exchange: one request and its response, as an ASGI application (3.0) receives and sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from app.http_server import responses
from app.http_server.chunks import Chunks
from app.http_server.heads import Head, Refused

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

BODY: Final = "http_server.body"
"""The name in a scope of the whole body, if it had arrived when the request began. An application
may use it in the place of what it would receive."""

NOTES: Final = "http_server.notes"
"""The name in a scope of a dict in which an application may note what follows from the head alone,
that is from method, target, version and fields. Requests with the same head may have the same."""


class ClientGone(Exception):
    """The response cannot be sent, because its connection is gone."""


class Link(responses.Link, Protocol):
    """What an exchange needs of its connection."""

    async def drained(self) -> None:
        """Wait until the client has read most of what was sent."""

    def consumed(self) -> None:
        """Take note that the application has received what had arrived of the body."""

    def answered(self, exchange: Exchange) -> None:
        """Go on, as the response is complete."""

    def abort(self) -> None:
        """End the connection at once."""


class Exchange:
    """One request, whose body may still be arriving, and its response."""

    __slots__ = (
        *("_chunks", "_is_continued", "_is_delivered", "_left", "_link", "_opening", "_parts"),
        *("_sent", "_start", "_waiter", "closes", "head", "held", "is_answered", "is_cut"),
        "is_whole",
    )

    def __init__(self, head: Head, link: Link) -> None:
        self.head = head
        self._link = link
        self._chunks = Chunks() if head.length is None else None
        self._left = head.length or 0
        self._parts: list[bytes] = []
        self.held = 0
        """Bytes of the body that have arrived, and that the application has not received yet."""
        self.is_whole = head.length == 0
        """Whether the body has arrived completely."""
        self.is_cut = False
        """Whether nothing more will come of the body, or of the client."""
        self._is_delivered = False
        self._is_continued = False
        self._waiter: asyncio.Future[None] | None = None
        self._start: Message | None = None
        self._opening: responses.Opening | None = None
        self._sent = 0
        self.is_answered = False
        self.closes = False

    def feed(self, data: bytes) -> bytes:
        """Take what has arrived, and return what follows the end of this request."""
        if self.is_cut:
            return b""
        if self._chunks is None:
            part, rest = data[: self._left], data[self._left :]
            self._left -= len(part)
            self.is_whole = not self._left
        else:
            try:
                part, rest = self._chunks.feed(data)
            except Refused:
                self.cut()
                return b""
            self.is_whole = self._chunks.is_whole
        if part:
            self._parts.append(part)
            self.held += len(part)
        self._wake()
        return rest

    def cut(self) -> None:
        """Take note that nothing more comes: the client is gone, or the rest cannot be read."""
        self.is_cut = True
        self._wake()

    async def receive(self) -> Message:
        """The next part of the body, all that has arrived; afterwards the client's end."""
        while not self.is_answered:
            if self._parts or (self.is_whole and not self._is_delivered):
                body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts.clear()
                self.held = 0
                self._is_delivered = self.is_whole
                self._link.consumed()
                return {"type": "http.request", "body": body, "more_body": not self.is_whole}
            if self.is_cut:
                break
            self._ask_for_body()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return {"type": "http.disconnect"}

    def arrived(self) -> bytes | None:
        """The whole body if it has arrived already, which an application need not receive."""
        return b"".join(self._parts) if self.is_whole else None

    def _ask_for_body(self) -> None:
        """Answer a client that waits for leave to send its body (RFC 9110, 10.1.1)."""
        wants = self.head.expects_continue and not self.is_whole and self._opening is None
        if wants and not self._is_continued:
            self._is_continued = True
            self._link.write(responses.CONTINUE)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def send(self, message: Message) -> None:
        """Send a part of the response. Only while more is to come, wait for the client to read.

        Raises ClientGone.
        """
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._link.is_gone or self.is_answered:
            raise ClientGone
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if self._opening is None:
            self._open(body, more=more)
        else:
            self._go_on(self._opening, body, more=more)
        if more:
            await self._link.drained()
        else:
            self._finish()

    def _open(self, body: bytes, *, more: bool) -> None:
        start = self._start
        if start is None:
            raise RuntimeError("a body was sent before the start of the response")
        status, headers = start["status"], start["headers"]
        method, version = self.head.method, self.head.version
        # What is left of this request would be taken for the next one.
        closes = self._link.is_last or not self.head.keeps_alive or not self.is_whole
        if more:
            opening = responses.open_pieces(
                status, headers, method=method, version=version, closes=closes
            )
            self._opening = opening
            self._link.write(opening.head)
            self._go_on(opening, body, more=True)
            return
        opening = responses.open_whole(
            status, headers, len(body), method=method, version=version, closes=closes
        )
        self._opening = opening
        self._sent = len(body)
        self._link.write(opening.head + body if opening.has_body else opening.head)

    def _go_on(self, opening: responses.Opening, body: bytes, *, more: bool) -> None:
        self._sent += len(body)
        if not opening.has_body:
            return
        if opening.length is not None and self._sent > opening.length:
            # The client would take what is too much for another response.
            self._link.abort()
            raise ClientGone
        if opening.in_chunks:
            body = responses.chunk(body) if body else b""
            if not more:
                body += responses.LAST_CHUNK
        if body:
            self._link.write(body)

    def _finish(self) -> None:
        opening = self._opening
        if opening is None:
            return
        if opening.has_body and opening.length not in {None, self._sent}:
            # The client would wait for more, or take the next response for the rest.
            self._link.abort()
            return
        self.is_answered = True
        self.closes = opening.closes
        self._wake()
        self._link.answered(self)

    def end(self) -> None:
        """End what the application has left open, as it has returned."""
        if self.is_answered or self._link.is_gone:
            return
        if self._opening is not None or self.is_cut:
            self._link.abort()
            return
        self._start = {"status": responses.FAILED, "headers": ()}
        self._open(b"", more=False)
        self._finish()
