"""Worker: one process of the HTTP server, with the lifespan of its application."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from typing import Any

from app.http_server.exchange import Application, Message
from app.http_server.server import HttpServer


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a worker listens, and how many connections it takes."""

    host: str
    port: int
    backlog: int
    max_connections: int


async def serve(application: Application, address: Address) -> None:
    """Serve until SIGTERM or SIGINT, and then until the requests under way are answered.

    Raises OSError where the address is not available.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    lifespan = _Lifespan(application)
    await lifespan.begin()
    server = HttpServer(application, max_connections=address.max_connections)
    await server.listen(address.host, address.port, backlog=address.backlog)
    await stop.wait()
    await server.stop()
    await lifespan.end()


class _Lifespan:
    """Tells the application when its process begins and stops to serve (ASGI 3)."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._sent: asyncio.Queue[str] = asyncio.Queue()
        self._task: asyncio.Task[Any] | None = None

    async def begin(self) -> None:
        """Let the application begin."""
        self._task = asyncio.ensure_future(self._run())
        await self._send("lifespan.startup")

    async def end(self) -> None:
        """Let the application end."""
        await self._send("lifespan.shutdown")
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        await self._application({"type": "lifespan"}, self._received.get, self._note)

    async def _note(self, message: Message) -> None:
        self._sent.put_nowait(message["type"])

    async def _send(self, event: str) -> None:
        self._received.put_nowait({"type": event})
        answer = asyncio.ensure_future(self._sent.get())
        if self._task is None:
            raise RuntimeError(event)
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done() and answer.result() == f"{event}.complete":
            return
        # It has ended without an answer: with an error, which is raised here.
        answer.cancel()
        await self._task
        sys.exit(1)
