"""Embedded server: an HTTP server in an event loop of the process, configured as the Procfile's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from app.api.wsgi_bridge import Message, Receive, Send


def server(
    application: Callable[[Message, Receive, Send], Awaitable[None]],
    address: str,
    port: int,
    *,
    backlog: int = 2048,
    backpressure: int = 2000,
) -> Server:
    """Create a server for an ASGI application, which gets no lifespan events."""
    return Server(
        application,
        address=address,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=backlog,
        backpressure=backpressure,
        log_enabled=False,
    )


def stop(running: Server) -> None:
    """Stop a server after it has answered the requests under way."""
    running.stop()  # type: ignore[no-untyped-call] # it has no annotations
