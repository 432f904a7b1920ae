"""Embedded: an HTTP server in an event loop of the process, with the options of the Procfile."""

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
    has_lifespan: bool = True,
    backlog: int = 2048,
    backpressure: int = 2000,
) -> Server:
    """A server of an ASGI application, which is told of its begin and end if it `has_lifespan`."""
    return Server(
        application,
        address=address,
        port=port,
        interface=Interfaces.ASGI if has_lifespan else Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=backlog,
        backpressure=backpressure,
        log_enabled=False,
    )


def stop(running: Server) -> None:
    """Have a server answer what it has begun, and end."""
    running.stop()  # type: ignore[no-untyped-call] # it has no annotations
