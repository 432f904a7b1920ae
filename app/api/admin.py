"""Admin: the separate port on which each web process may serve health and metrics."""

from __future__ import annotations

import asyncio

from app.api import embedded, wsgi_bridge
from app.api.health import QuickAnswers
from app.api.wsgi_bridge import Message, Receive, Send, WsgiResponse

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
        self._server = embedded.server(self._serve, host, port, backlog=128, backpressure=64)
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, in the running event loop."""
        self._serving = asyncio.get_running_loop().create_task(self._server.serve())

    async def stop(self) -> None:
        """Stop listening, after the requests under way are answered."""
        if self._serving is not None:
            embedded.stop(self._server)
            await self._serving

    async def _serve(self, scope: Message, _receive: Receive, send: Send) -> None:
        answer = self._answers.answer(wsgi_bridge.build_environ(scope)) or _NOT_FOUND
        await wsgi_bridge.send_whole(answer, send)
