"""Admin: the separate port on which each web process may serve health and metrics."""

from __future__ import annotations

from app.api import wsgi_bridge
from app.api.health import QuickAnswers
from app.api.wsgi_bridge import Message, Receive, Send, WsgiResponse
from app.errors import Misconfigured
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

    async def start(self) -> None:
        """Begin to listen. Raises Misconfigured where the port is not available."""
        try:
            await self._server.listen(self._host, self._port, backlog=128)
        except OSError as error:
            raise Misconfigured(
                f"WAKECALL_ADMIN_PORT cannot be {self._port} at {self._host}: {error.strerror}."
            ) from None

    async def stop(self) -> None:
        """Stop listening, after the requests under way are answered."""
        await self._server.stop()

    async def _serve(self, scope: Message, _receive: Receive, send: Send) -> None:
        answer = self._answers.answer(wsgi_bridge.build_environ(scope)) or _NOT_FOUND
        await wsgi_bridge.send_whole(answer, send)
