"""Calls: RPCs as grpcio's core has them, which an event loop drives.

Both servers of grpcio are made of the same core (`cygrpc`). The asyncio server makes four tasks of
an RPC, and wakes the event loop for each of its steps; in the threaded server a thread waits for
each message. Here one thread waits for the first event, and the event loop takes all others that
have come by then.
docs/decisions/0064-the-event-loop-takes-rpcs-from-the-core-of-grpcio.md gives the reasons.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from grpc import ServerCredentials
from grpc._cython import cygrpc  # type: ignore[attr-defined] # the types leave it out

Metadata = tuple[tuple[str, str | bytes], ...]
Option = tuple[str, int]

AT_ONCE: Final = 64
"""Events that are taken in one turn of the event loop."""

REQUESTED: Final = 32
"""New RPCs that are taken from the core without another request for one."""

CANCEL_S: Final = 5.0
"""How long the core may take to end RPCs that are cancelled, when the server stops."""

OVER: Final = "the RPC has ended"
_NO_FLAGS: Final = 0
_NOW: Final = 0.0
"""A deadline that has passed: what has come is taken, and nothing is waited for."""


class Call:
    """One RPC. Exactly one of `finish` and `fail` ends it; only the event loop may use it."""

    __slots__ = ("_call", "_is_begun", "_is_watched", "_server", "metadata", "method")

    def __init__(self, server: CallServer, event: Any) -> None:  # noqa: ANN401 - the core has no types
        self._server = server
        self._call = event.call
        self._is_begun = False
        self._is_watched = False
        self.method: str = event.call_details.method.decode(errors="replace")
        self.metadata: Metadata = event.invocation_metadata

    @property
    def peer(self) -> str:
        """The client's address, such as `ipv4:127.0.0.1:5000`."""
        found: bytes = self._call.peer()
        return found.decode()

    def watch(self, gone: Callable[[], object]) -> None:
        """Call `gone` once the client has cancelled the RPC, or its deadline has passed.

        Raises ConnectionError after a stop.
        """

        def closed(event: Any) -> None:  # noqa: ANN401 - as above
            if event.batch_operations[0].cancelled():
                gone()

        if not self._is_watched:
            self._is_watched = True
            self._start((cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS),), closed)

    def begin_read(self, came: Callable[[bool, bytes | None], object]) -> None:
        """Read the next message: `came` is called with it, and None where the client sends no more.

        It is called with False where the RPC has ended. Raises ConnectionError after a stop.
        """

        def read(event: Any) -> None:  # noqa: ANN401 - as above
            if event.success:
                came(True, event.batch_operations[0].message())  # noqa: FBT003 - it has no name
            else:
                came(False, None)  # noqa: FBT003 - as above

        self._start((cygrpc.ReceiveMessageOperation(_NO_FLAGS),), read)

    async def read(self) -> bytes | None:
        """As `begin_read`, and wait for the message. Raises ConnectionError."""
        found: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

        def came(is_read: bool, message: bytes | None) -> None:  # noqa: FBT001 - as above
            if found.done():
                return
            if is_read:
                found.set_result(message)
            else:
                found.set_exception(ConnectionError(OVER))

        self.begin_read(came)
        return await found

    async def write(self, message: bytes, *, within_s: float) -> bool:
        """Send a message, and wait until it has left. It is lost where the client is gone.

        Return False if it has not left within so many seconds: the RPC is cancelled then, and what
        is left of the message is dropped. Raises ConnectionError after a stop.
        """
        left: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def written(_event: object) -> None:
            if not left.done():
                left.set_result(None)

        self._start((*self._beginning(), cygrpc.SendMessageOperation(message, _NO_FLAGS)), written)
        await asyncio.wait([left], timeout=within_s)
        if not left.done() and not self._server.is_closed:
            self._call.cancel()
        return left.done()

    def finish(self, message: bytes | None, trailers: Metadata) -> None:
        """End with success, after `message` unless it is None. Nothing happens after a stop."""
        last = () if message is None else (cygrpc.SendMessageOperation(message, _NO_FLAGS),)
        self._end(last, cygrpc.StatusCode.ok, "", trailers)

    def fail(self, code: int, details: str, trailers: Metadata = ()) -> None:
        """End with an error, as `finish` does with success."""
        self._end((), code, details, trailers)

    def _end(self, last: tuple[Any, ...], code: int, details: str, trailers: Metadata) -> None:
        status = cygrpc.SendStatusFromServerOperation(trailers, code, details.encode(), _NO_FLAGS)
        # The core is to say that the RPC has ended, and needs a step less if it says so with this.
        close = () if self._is_watched else (cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS),)
        if not self._server.is_closed:
            self._start((*self._beginning(), *last, status, *close), _ignore)
        # Else the core would keep the RPC for as long as anybody refers to this object.
        self._call = None

    def _beginning(self) -> tuple[Any, ...]:
        if self._is_begun:
            return ()
        self._is_begun = True
        return (cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS),)

    def _start(self, operations: tuple[Any, ...], ended: Callable[[Any], object]) -> None:
        # The core ends the process where its queue is asked for events after it was closed.
        if self._server.is_closed:
            raise ConnectionError(OVER)
        self._call.start_server_batch(operations, ended)


class CallServer:
    """Passes each RPC to `begin`, on the event loop in which the server was started."""

    def __init__(self, options: Sequence[Option], begin: Callable[[Call], object]) -> None:
        self._begin = begin
        self._queue = cygrpc.CompletionQueue()
        self._server = cygrpc.Server(options, False)  # noqa: FBT003 - without xDS; it has no name
        self._server.register_completion_queue(self._queue)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopping = False
        self.is_closed = False
        """Whether RPCs have ended, however far they were."""
        self._turn = threading.Lock()
        """Held from when the thread begins to wait until the event loop has taken all events."""
        self._thread = threading.Thread(target=self._wait, name="rpcs", daemon=True)

    def listen(self, address: str, credentials: ServerCredentials | None = None) -> int:
        """Listen at an address; returns the port, which is 0 where that is not possible."""
        core = None if credentials is None else credentials._credentials  # type: ignore[attr-defined] # noqa: SLF001 - as grpcio's own servers do
        port: int = self._server.add_http2_port(address.encode(), core)
        return port

    def start(self) -> None:
        """Begin to serve."""
        self._loop = asyncio.get_running_loop()
        self._server.start()
        for _ in range(REQUESTED):
            self._request()
        self._thread.start()

    async def stop(self, grace_s: float) -> None:
        """Take no more RPCs, give those under way `grace_s` seconds, and cancel the rest.

        A server that has not started, or has been stopped, is left as it is.
        """
        if self._loop is None or self._is_stopping:
            return
        ended: asyncio.Future[None] = self._loop.create_future()
        self._is_stopping = True
        self._server.shutdown(self._queue, lambda _: ended.set_result(None))
        if not (await asyncio.wait([ended], timeout=grace_s))[0]:
            self._server.cancel_all_calls()
            await asyncio.wait([ended], timeout=CANCEL_S)
        self.is_closed = True
        self._queue.shutdown()
        if ended.done():
            self._server.destroy()

    def _request(self) -> None:
        self._server.request_call(self._queue, self._queue, self._take)

    def _take(self, event: Any) -> None:  # noqa: ANN401 - as above
        if self._is_stopping or not event.success:
            return
        self._request()
        self._begin(Call(self, event))

    def _wait(self) -> None:
        """Wait for an event, while the event loop has none to take."""
        loop = self._loop
        assert loop is not None  # noqa: S101 - set before the thread starts
        while self._turn.acquire() and (event := self._queue.poll()).tag is not None:
            # A loop that is closed takes nothing any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._take_events, event)

    def _take_events(self, event: Any = None) -> None:  # noqa: ANN401 - as above
        """Take all events that have come; then let the thread wait for the next one."""
        loop = self._loop
        assert loop is not None  # noqa: S101 - as above
        is_over = False
        try:
            is_over = not self._take_some(event)
        finally:
            if is_over:
                self._turn.release()
            else:
                # What these events have set going may bring more events at once.
                loop.call_soon(self._take_events)

    def _take_some(self, event: Any) -> bool:  # noqa: ANN401 - as above
        """Take `event`, if it is one, and AT_ONCE others at most; whether there were any."""
        if event is not None:
            event.tag(event)
        taken = event is not None
        for _ in range(AT_ONCE):
            found = self._queue.poll(_NOW)
            if found.tag is None:
                break
            taken = True
            found.tag(found)
        return taken


def _ignore(_event: object) -> None:
    """The end of an RPC needs nothing further."""
