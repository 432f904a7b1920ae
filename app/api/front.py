"""Front: the ASGI side of the web process, which waits for slow clients so that no thread has to.

A request is handed to the application (WSGI, in a thread) once its body is here, complete and
within its limits; docs/decisions/0006-web-server.md says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Final, cast

from app.api import bodies, gateway
from app.api.bodies import FAILURE, MAX_DOCUMENT, BodyFailure
from app.api.gateway import Message
from app.log import logger

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# As many as the database pool keeps open.
THREADS: Final = 8
BODY_S: Final = 15.0
SEND_S: Final = 30.0
# Bodies of more than 64 KiB and up to 4 MiB that a process holds at once.
LONG_BODIES: Final = 16
# Requests with such a body that are answered at once: what is made of one may take many times its
# bytes, and one after the other they are no slower, as one thread at a time reads documents.
LONG_AT_ONCE: Final = 2
# What is read of a body that is too long, so that its sender comes to read the answer.
MAX_DRAINED: Final = 16 * 1024 * 1024


@dataclass(kw_only=True, slots=True)
class _Room:
    """Places for bodies longer than one document: whoever sends them, memory stays bounded."""

    free: int


@dataclass(kw_only=True, slots=True)
class _Body:
    """A body as it arrives; one over its limit is counted on, but kept no longer."""

    most: int
    room: _Room
    placed: bool = False
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    more: bool = True
    failure: BodyFailure | None = None

    def take(self, message: Message) -> None:
        if message["type"] == "http.disconnect":
            # Also how a body ends that breaks the rules of chunked coding.
            self.more, self.failure = False, BodyFailure.CUT
            return
        part = message.get("body", b"")
        self.more = message.get("more_body", False)
        self.size += len(part)
        if self.size > self.most:
            self.failure = BodyFailure.LONG
        elif self.size > MAX_DOCUMENT and not self._place():
            self.failure = BodyFailure.CROWDED
        if self.failure is None:
            self.parts.append(part)
        else:
            self.parts.clear()

    def _place(self) -> bool:
        if not self.placed and self.room.free:
            self.room.free -= 1
            self.placed = True
        return self.placed

    def leave(self) -> None:
        """Give the place back, once nothing refers to the body."""
        self.room.free += self.placed
        self.placed = False


class Front:
    """An ASGI application around a WSGI one; holds the threads that run the latter.

    `begin` is called when the process starts to serve; a body must arrive within `body_s`
    seconds, and a client must take each piece of a long answer within `send_s`.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        begin: Callable[[], None] = lambda: None,
        threads: int = THREADS,
        body_s: float = BODY_S,
        send_s: float = SEND_S,
    ) -> None:
        self._app = app
        self._begin = begin
        self._body_s = body_s
        self._send_s = send_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._room = _Room(free=LONG_BODIES)
        self._long = asyncio.Semaphore(LONG_AT_ONCE)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, or the life of the process (ASGI 3)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        environ = gateway.environ_of(scope)
        body = _Body(most=bodies.most(environ), room=self._room)
        try:
            if "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "0") != "0":
                await self._take_body(body, environ, receive)
            async with self._long if body.placed else nullcontext():
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self._threads, gateway.run, self._app, environ)
        finally:
            body.leave()
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        )
        more = answer.rest is not None
        await send({"type": "http.response.body", "body": answer.start, "more_body": more})
        if answer.rest is not None:
            await self._stream(answer.rest, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._threads.shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    async def _take_body(self, body: _Body, environ: Message, receive: Receive) -> None:
        """Read the body into the environment, or say there why it is not to be had."""
        announced = int(environ.get("CONTENT_LENGTH", 0))
        if announced > (body.most if "HTTP_EXPECT" in environ else MAX_DRAINED):
            environ[FAILURE] = BodyFailure.LONG
            return
        try:
            async with asyncio.timeout(self._body_s):
                while body.more and body.size <= MAX_DRAINED:
                    body.take(await receive())
        except TimeoutError:
            body.failure = body.failure or BodyFailure.SLOW
        if body.failure is None:
            environ["wsgi.input"] = BytesIO(b"".join(body.parts))
            body.parts.clear()
        else:
            environ[FAILURE] = body.failure

    async def _stream(self, rest: Iterator[bytes], send: Send) -> None:
        """Send what is left; a client that takes nothing for too long is left alone."""
        loop = asyncio.get_running_loop()
        with closing(cast("Generator[bytes, None, None]", rest)):
            while piece := await loop.run_in_executor(self._threads, next, rest, b""):
                try:
                    async with asyncio.timeout(self._send_s):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                except TimeoutError:
                    logger.info("client.stopped_reading")
                    return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
