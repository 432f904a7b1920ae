"""Admin: the separate port on which each web process may serve health and metrics."""

from __future__ import annotations

import asyncio

from app.api import wsgi_bridge
from app.api.health import QuickAnswers
from app.api.wsgi_bridge import Message, Receive, Send, WsgiResponse
from app.http_server.server import HttpServer

_NOT_FOUND = WsgiResponse(
    status=404,
    headers=[(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"0")],
    start=b"",
    rest=None,
)


class AdminPort:
    """A listener that answers nothing but /healthz, /readyz and /metrics.

    The web processes of one server share this port, as they share the main port.
    """

    def __init__(self, answers: QuickAnswers, host: str, port: int) -> None:
        self._answers = answers
        self._host = host
        self._port = port
        self._server = HttpServer(self._serve, max_connections=64)
        self._listening: asyncio.Task[int] | None = None

    def start(self) -> None:
        """Begin to listen, in the running event loop."""
        self._listening = asyncio.get_running_loop().create_task(
            self._server.listen(self._host, self._port, backlog=128)
        )

    async def stop(self) -> None:
        """Stop listening, after the requests under way are answered."""
        if self._listening is not None:
            await self._listening
            await self._server.stop()

    async def _serve(self, scope: Message, _receive: Receive, send: Send) -> None:
        answer = self._answers.answer(wsgi_bridge.build_environ(scope)) or _NOT_FOUND
        await wsgi_bridge.send_whole(answer, send)
