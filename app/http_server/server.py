"""Server: listens for connections, and ends those whose clients keep silent."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from contextlib import suppress
from typing import Any, Final, Protocol, runtime_checkable

from app.http_server.connection import Connection
from app.http_server.exchange import Application
from app.http_server.known_heads import KnownHeads
from app.http_server.whole_requests import TakesWhole

IDLE_S: Final = 30.0
"""How long a connection waits for a complete head, the first one or the next one."""

END_S: Final = 30.0
"""How long a client may take to read what it was sent, if no application waits for that, and how
long one that is still sending has to end its connection after the response."""

STOP_S: Final = 5.0
"""The same while the server stops."""

SWEEP_S: Final = 0.5
BACKLOG: Final = 2048
MAX_CONNECTIONS: Final = 8192

_ALL_IPV6: Final = "::"


@runtime_checkable
class EndsWaits(Protocol):
    """An application of which some requests wait for something that may be long in coming."""

    def end_waits(self) -> None:
        """Answer such requests from now on without waiting, as the server stops."""


class HttpServer:
    """Serves an ASGI application; only one event loop may use it.

    With more than `max_connections`, the one that has waited longest for a request ends.
    """

    def __init__(
        self,
        application: Application,
        *,
        max_connections: int = MAX_CONNECTIONS,
        idle_s: float = IDLE_S,
        end_s: float = END_S,
    ) -> None:
        self.application = application
        self.takes_whole: TakesWhole | None = (
            application if isinstance(application, TakesWhole) else None
        )
        self._ends_waits: EndsWaits | None = (
            application if isinstance(application, EndsWaits) else None
        )
        self.heads = KnownHeads()
        self.is_stopping = False
        self._max_connections = max_connections
        self._connections: set[Connection] = set()
        self._waiting = _Deadlines(idle_s)
        self._watched = _Deadlines(end_s)
        self._listeners: list[asyncio.Server] = []
        self._running: set[asyncio.Task[None]] = set()
        self._taken = 0
        """Requests that the application has taken whole, and not ended yet."""
        self._none_taken = asyncio.Event()
        self._sweeping: asyncio.TimerHandle | None = None
        self._all_gone = asyncio.Event()

    async def listen(
        self, host: str, port: int, *, backlog: int = BACKLOG, shares_port: bool = True
    ) -> int:
        """Serve at an IP address, with `::` at all of IPv4 too; return the port. Raises OSError.

        Several processes may share a port: the kernel divides the connections among them.
        """
        loop = asyncio.get_running_loop()
        listener = socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=backlog,
            reuse_port=shares_port,
            dualstack_ipv6=host == _ALL_IPV6,
        )
        self._listeners.append(
            await loop.create_server(lambda: Connection(self), sock=listener, backlog=backlog)
        )
        if self._sweeping is None:
            self._sweeping = loop.call_later(SWEEP_S, self._sweep)
        bound: int = listener.getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close the port and the connections without a request, and wait for the other ones."""
        self.is_stopping = True
        for listener in self._listeners:
            listener.close()
        for waiting in self._waiting.take():
            waiting.close()
        if self._ends_waits is not None:
            self._ends_waits.end_waits()
        while self._running or self._taken:
            if self._running:
                await asyncio.wait(self._running)
            else:
                self._none_taken.clear()
                await self._none_taken.wait()
        if self._connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), STOP_S)
        for each in list(self._connections):
            each.abort()
        if self._sweeping is not None:
            self._sweeping.cancel()

    # What connections call.

    def add(self, connection: Connection) -> None:
        """Take note of a new connection, which waits for a request."""
        self._connections.add(connection)
        if self.is_stopping:
            connection.close()
            return
        if len(self._connections) > self._max_connections:
            oldest = self._watched.first() or self._waiting.first() or connection
            oldest.abort()
            if oldest is connection:
                return
        self._waiting.add(connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection, which is gone."""
        self._connections.discard(connection)
        self._waiting.discard(connection)
        self._watched.discard(connection)
        if self.is_stopping and not self._connections:
            self._all_gone.set()

    def wait(self, connection: Connection) -> None:
        """Take note that a connection waits for a request."""
        self._watched.discard(connection)
        self._waiting.add(connection)

    def begin(self, connection: Connection) -> None:
        """Take note that a connection has a request."""
        self._waiting.discard(connection)

    def watch(self, connection: Connection) -> None:
        """Take note that a connection waits for its client to read, or to end."""
        self._watched.add(connection)

    def run(self, serving: Any) -> None:  # noqa: ANN401 - a coroutine
        """Let the application answer a request."""
        task = asyncio.get_running_loop().create_task(serving)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def hold(self) -> None:
        """Take note that the application has taken a request whole."""
        self._taken += 1

    def release(self) -> None:
        """Take note that it has ended such a request."""
        self._taken -= 1
        if self.is_stopping and not self._taken:
            self._none_taken.set()

    def _sweep(self) -> None:
        """End the connections whose clients have kept silent for too long."""
        loop = asyncio.get_running_loop()
        for each in self._watched.take(loop.time()):
            each.abort()
        for each in self._waiting.take(loop.time()):
            each.close()
        self._sweeping = loop.call_later(SWEEP_S, self._sweep)


class _Deadlines:
    """Connections in the order in which their time, which is the same for all, ends."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: OrderedDict[Connection, float] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._ends)

    def add(self, connection: Connection) -> None:
        """Begin the time of a connection."""
        self._ends.pop(connection, None)
        self._ends[connection] = asyncio.get_running_loop().time() + self._seconds

    def discard(self, connection: Connection) -> None:
        """End the time of a connection."""
        self._ends.pop(connection, None)

    def first(self) -> Connection | None:
        """The connection whose time ends first."""
        return next(iter(self._ends), None)

    def take(self, now: float | None = None) -> list[Connection]:
        """Remove and return the connections whose time has ended by `now`, or all of them."""
        taken = []
        while self._ends:
            connection, end = next(iter(self._ends.items()))
            if now is not None and end > now:
                break
            taken.append(connection)
            del self._ends[connection]
        return taken
