"""Connection: reads the requests of one client one after the other, and sends their responses."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol

from app.http_server import heads, responses
from app.http_server.exchange import (
    BODY,
    NOTES,
    Application,
    ClientGone,
    Exchange,
    Message,
)
from app.http_server.heads import MAX_HEAD, Refused
from app.http_server.known_heads import KnownHead, KnownHeads, Notes
from app.http_server.whole_requests import PASSED_ON, TakesWhole, WholeRequest
from app.log import logger

MAX_BUFFERED: Final = 256 * 1024
"""Bytes of a body that are kept for an application that does not receive them yet."""

MAX_DISCARDED: Final = 1024 * 1024
"""Bytes that are read and dropped after a response, so that its client comes to read it: the kernel
would take the response back if the connection was closed while it has unread bytes."""

_HEAD_END: Final = b"\r\n\r\n"


class Server(Protocol):
    """What a connection needs of its server."""

    application: Application
    takes_whole: TakesWhole | None
    """The application, if it can take whole requests."""
    heads: KnownHeads
    is_stopping: bool

    def add(self, connection: Connection) -> None:
        """Take note of a new connection, which waits for a request."""

    def remove(self, connection: Connection) -> None:
        """Forget a connection, which is gone."""

    def wait(self, connection: Connection) -> None:
        """Take note that a connection waits for a request."""

    def begin(self, connection: Connection) -> None:
        """Take note that a connection has a request."""

    def watch(self, connection: Connection) -> None:
        """Take note that a connection waits for its client to read, or to end."""

    def run(self, serving: Any) -> None:  # noqa: ANN401 - a coroutine
        """Let the application answer a request."""

    def hold(self) -> None:
        """Take note that the application has taken a request whole."""

    def release(self) -> None:
        """Take note that it has ended such a request."""


class Connection(asyncio.Protocol):
    """One connection. At any time it waits for a request, has one, or waits for its client."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: Any = None
        self._client: tuple[str, int] = ("", 0)
        self._address: tuple[str, int] = ("", 0)
        self._exchange: Exchange | WholeRequest | None = None
        self._held = b""
        """What has arrived and was not read yet: the beginning of a head, or further requests."""
        self._searched = 0
        """How much of it contains no end of a head."""
        self._drain: asyncio.Future[None] | None = None
        self._is_full = False
        """Whether the client has yet to read what was sent."""
        self._is_paused = False
        self._is_at_end = False
        """Whether the client has sent all that it will send."""
        self._is_ending = False
        self._discarded = 0
        self.is_gone = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        self._transport = transport
        peer, here = (transport.get_extra_info(name) for name in ("peername", "sockname"))
        self._client = peer[:2] if peer else ("", 0)
        self._address = here[:2] if here else ("", 0)
        self._server.add(self)

    def data_received(self, data: bytes) -> None:
        """Read what has arrived: a head, a part of a body, or what comes before its turn."""
        exchange = self._exchange
        if self._is_ending:
            self._discarded += len(data)
            if self._discarded > MAX_DISCARDED:
                self.abort()
        elif exchange is not None and not exchange.is_whole:
            self._held = exchange.feed(data)
            if exchange.held > MAX_BUFFERED:
                self._pause()
        elif exchange is not None or self._is_full:
            self._held += data
            if len(self._held) > MAX_HEAD:
                self._pause()
        else:
            self._held = self._held + data if self._held else data
            self._read_head()

    def eof_received(self) -> bool:
        """Take note that the client sends no more; keep the connection for a response."""
        self._is_at_end = True
        if self._is_ending:
            return False
        if self._exchange is None:
            # Further requests have their turn once the client has read some of what was sent.
            return self._is_full and bool(self._held)
        self._exchange.cut()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's own form
        """Let whoever waits for the client know that it is gone."""
        self.is_gone = True
        self._server.remove(self)
        if self._exchange is not None:
            self._exchange.cut()
        self._release()

    def pause_writing(self) -> None:
        """Take note that the client does not read as fast as is sent."""
        self._is_full = True

    def resume_writing(self) -> None:
        """Go on, as the client has read."""
        self._is_full = False
        self._release()
        if self._exchange is None and not self._is_ending:
            self._go_on()

    # What the exchange calls.

    @property
    def is_last(self) -> bool:
        """Whether the connection ends with the present response."""
        return (self._is_at_end and not self._held) or self._server.is_stopping

    def write(self, data: bytes) -> None:
        """Send these bytes, or keep them until the client reads."""
        self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the client has read most of what was sent; raises ClientGone."""
        while self._is_full and not self.is_gone:
            self._drain = asyncio.get_running_loop().create_future()
            await self._drain
        if self.is_gone:
            raise ClientGone

    def consumed(self) -> None:
        """Take note that the application has received what had arrived of the body."""
        if self._is_paused and len(self._held) <= MAX_HEAD:
            self._resume()

    def answered(self, exchange: Exchange | WholeRequest) -> None:
        """Wait for the next request, or end."""
        self._exchange = None
        if exchange.closes:
            self._end(discards=not exchange.is_whole)
        elif self._is_full:
            # The next response would be kept as well, of a client that may never read.
            self._server.watch(self)
        else:
            self._go_on()

    def end_whole(self, request: WholeRequest) -> None:
        """Go on, as the request is answered, or as there is nobody to read the response."""
        self._server.release()
        if not self.is_gone:
            self.answered(request)

    def pass_on(self, request: WholeRequest, said: Message) -> None:
        """Let the application answer a request that it had taken, as it does all others."""
        exchange = self._exchange = Exchange(request.head, self)
        exchange.feed(request.body)
        if self._is_at_end or self.is_gone:
            exchange.cut()
        self._server.run(self._serve(exchange, request.notes, said))
        self._server.release()

    def abort(self) -> None:
        """End the connection at once."""
        self._is_ending = True
        self.is_gone = True
        self._transport.abort()

    # What the server calls.

    def close(self) -> None:
        """End a connection that waits for a request, when its client has read the responses."""
        self._end(discards=False)

    # The steps between requests.

    def _go_on(self) -> None:
        self._resume()
        self._server.wait(self)
        if self._held:
            self._read_head()
            if self._is_at_end and self._exchange is None and not self._is_ending:
                # The rest of its head will not come.
                self.close()
        elif self._is_at_end or self._server.is_stopping:
            self.close()

    def _read_head(self) -> None:
        """Begin the next request, if its head is complete."""
        held = self._held
        if held.startswith(b"\r\n"):
            # Older clients send an empty line after a body (RFC 9112, 2.2).
            held = self._held = held.lstrip(b"\r\n")
        end = held.find(_HEAD_END, self._searched)
        if end < 0 or end > MAX_HEAD:
            self._searched = max(0, len(held) - len(_HEAD_END) + 1)
            if end > MAX_HEAD or len(held) > MAX_HEAD:
                is_line = b"\r\n" not in held[:MAX_HEAD]
                self._refuse(heads.TARGET_TOO_LONG if is_line else heads.FIELDS_TOO_LARGE)
            elif b"\n\n" in held:
                # Its lines end without a carriage return: nothing more would come.
                self._refuse(heads.BAD)
            return
        self._searched = 0
        try:
            known = self._server.heads.read(held[:end])
        except Refused as refused:
            self._refuse(refused.status)
            return
        self._server.begin(self)
        rest = held[end + len(_HEAD_END) :]
        if self._is_taken(known, rest):
            return
        exchange = self._exchange = Exchange(known.head, self)
        self._held = exchange.feed(rest)
        if self._is_at_end:
            exchange.cut()
        self._server.run(self._serve(exchange, known.notes))

    def _is_taken(self, known: KnownHead, rest: bytes) -> bool:
        """Whether the application takes the next request whole, and will answer it without a task.

        Of known heads alone there can be notes that let it do so.
        """
        length, application = known.head.length, self._server.takes_whole
        if not known.notes or application is None or not length or len(rest) < length:
            return False
        request = WholeRequest(known.head, known.notes, rest[:length], self)
        try:
            if not application.take(request):
                return False
        except Exception:  # noqa: BLE001 - a defect, which must not leave the client waiting
            logger.exception("http.failed", method=known.head.method)
            return False
        self._exchange, self._held = request, rest[length:]
        self._server.hold()
        return True

    async def _serve(self, exchange: Exchange, notes: Notes, said: Message | None = None) -> None:
        try:
            scope = self._scope(exchange, notes)
            if said is not None:
                scope[PASSED_ON] = said
            await self._server.application(scope, exchange.receive, exchange.send)
        except ClientGone:
            pass
        except Exception:  # noqa: BLE001 - a defect, which must not leave the client waiting
            logger.exception("http.failed", method=exchange.head.method)
        finally:
            exchange.end()

    def _scope(self, exchange: Exchange, notes: Notes) -> Message:
        head = exchange.head
        return {
            "type": "http",
            "http_version": head.version,
            "method": head.method,
            "scheme": "http",
            "raw_path": head.path,
            "query_string": head.query,
            "headers": head.headers,
            "client": self._client,
            "server": self._address,
            BODY: exchange.arrived(),
            NOTES: notes,
        }

    def _refuse(self, status: int) -> None:
        self._server.begin(self)
        self.write(responses.refusal(status))
        self._end(discards=True)

    def _end(self, *, discards: bool) -> None:
        """End the connection when the response is sent; first let a client that sends read it."""
        self._is_ending = True
        self._held = b""
        self._server.watch(self)
        self._resume()
        if discards and not self._is_at_end and self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            if not self.is_gone:
                self._transport.resume_reading()

    def _release(self) -> None:
        drain, self._drain = self._drain, None
        if drain is not None and not drain.done():
            drain.set_result(None)
