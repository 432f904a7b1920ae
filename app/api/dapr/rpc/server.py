"""Server: takes RPCs over HTTP/2 and passes each to the ASGI application as a request.

So an RPC meets the same limits, turns, keys and errors as a request over HTTP. No thread waits for
a client that is slow: a message is read in the event loop, and only when there is room for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Hashable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status
from grpc import aio

from app.api.asgi import AsgiApp
from app.api.dapr.rpc.failures import STATUS_TYPE
from app.api.dapr.rpc.requests import environ_of
from app.api.fair_gate import FairGate, GateRefused
from app.api.shared_budget import SharedBudget
from app.api.wsgi_bridge import Message
from app.errors import Misconfigured
from app.log import logger

MAX_MESSAGE: Final = 4 * 1024 * 1024
MAX_RPCS: Final = 1024
"""RPCs under way; one account, or one network without a known key, has half of them at most."""

MAX_CONNECTIONS: Final = 4096
MAX_STREAMS: Final = 128
"""RPCs of one connection that are under way."""

HANDSHAKE_MS: Final = 10_000
"""Milliseconds in which a new connection must begin to speak HTTP/2."""

WINDOW: Final = 64 * 1024
"""Bytes that are taken of a message before it is read."""

READS: Final = 32
"""Messages that are read at once, each of up to MAX_MESSAGE bytes."""

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.absolute_max_metadata_size", 32 * 1024),
    ("grpc.max_concurrent_streams", MAX_STREAMS),
    ("grpc.max_allowed_incoming_connections", MAX_CONNECTIONS),
    # TLS, and the beginning of HTTP/2; the library would wait for 2 min.
    ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
    # Of a message that is not read yet no more is taken; the library would raise both by itself,
    # to 128 MiB, and keep whole messages of RPCs that wait for their turn.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", WINDOW),
    # Clients may ping every 8 s, also without an RPC; an idle connection ends after 3 min; one that
    # does not answer a ping, which is sent after 10 s, ends 20 s later.
    ("grpc.http2.min_ping_interval_without_data_ms", 8_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_connection_idle_ms", 180_000),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)
_TRAILERS: Final = frozenset({b"retry-after", b"ratelimit", b"ratelimit-policy", b"x-request-id"})
"""Fields of an answer that are sent on as trailing metadata."""

_STATUS_TYPE: Final = STATUS_TYPE.encode()
_DETAILS: Final = "grpc-status-details-bin"
_CODES: Final = {each.value[0]: each for each in grpc.StatusCode}

if TYPE_CHECKING:
    Context = aio.ServicerContext[bytes, bytes]


class RpcServer:
    """Serves the RPCs at `paths` of an ASGI application: whether the answer of each may be long.

    Of the READS one sender has at most half of what others leave, but all if it `is_alone`: so two
    senders whose messages do not come leave some for a third.
    """

    def __init__(
        self,
        asgi: AsgiApp,
        paths: Mapping[str, bool],
        *,
        shares_port: bool = False,
        is_alone: bool = False,
    ) -> None:
        # The library logs what it does with broken connections, and not as JSON.
        logging.getLogger("grpc").setLevel(logging.CRITICAL + 1)
        self._asgi = asgi
        self._reads = FairGate(READS, READS)
        self._is_alone = is_alone
        self._rpcs = SharedBudget(MAX_RPCS)
        self._works: set[asyncio.Task[None]] = set()
        self._server = aio.server(options=(*_OPTIONS, ("grpc.so_reuseport", int(shares_port))))
        self._server.add_generic_rpc_handlers((_Rpcs(self._serve, paths),))

    def listen(self, host: str, port: int, *, certificate: tuple[Path, Path] | None = None) -> int:
        """Listen at an address of this machine; return the port.

        `certificate` is a file with certificates, and that with their key. Raises Misconfigured.
        """
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if certificate is None:
                return self._server.add_insecure_port(address)
            chain, key = (each.read_bytes() for each in certificate)
            return self._server.add_secure_port(
                address, grpc.ssl_server_credentials([(key, chain)])
            )
        except OSError as error:
            raise Misconfigured(f"The certificate or its key cannot be read: {error}.") from None
        except RuntimeError:
            raise Misconfigured(
                f"gRPC cannot listen at {address}: the port is in use, or there is no such address."
            ) from None

    async def start(self) -> None:
        """Begin to serve."""
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Take no more RPCs, and give those under way `grace_s` seconds."""
        await self._server.stop(grace_s)
        if self._works:
            # Threads that work for clients that are gone.
            await asyncio.wait(self._works, timeout=grace_s)

    async def _serve(self, path: str, context: Context, *, writes: bool) -> bytes:
        environ = environ_of(path, context.invocation_metadata() or (), context.peer())
        sender = self._asgi.identify(environ)
        # Also an account's first RPC: strangers of another network must not keep it out.
        lane = sender.network if sender.lane is None else sender.lane
        if not self._rpcs.acquire(lane):
            held = self._rpcs.held(lane)
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{held} RPCs of this sender are under way, which is the most. Send fewer at once.",
            )
        exchange = _Exchange(context, partial(self._slot, lane), writes=writes)
        work = asyncio.create_task(self._work(environ, exchange, lane))
        self._works.add(work)
        try:
            answer = await exchange.answered
        except asyncio.CancelledError:
            # The client is gone. A thread that works for it cannot be stopped, and keeps its slot.
            exchange.is_abandoned = True
            if exchange.is_reading:
                work.cancel()
            raise
        if isinstance(answer, _Failed):
            await context.abort(answer.code, answer.details, answer.trailers)
        return answer

    async def _work(self, environ: Message, exchange: _Exchange, lane: Hashable) -> None:
        try:
            await self._asgi.serve(environ, exchange.receive, exchange.send)
        except Exception:  # noqa: BLE001 - a defect, which is logged for the operator
            # The library would log it in its own form, and answer with the exception's text.
            logger.exception("rpc.failed", path=environ["PATH_INFO"])
            exchange.answer(_DEFECT)
        finally:
            self._rpcs.release(lane)
            self._works.discard(asyncio.current_task())
            exchange.answered.cancel()

    def _slot(self, lane: Hashable) -> AbstractAsyncContextManager[None]:
        share = None if self._is_alone else self._reads.half_of_rest(lane)
        return self._reads.slot(lane, share=share)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Failed:
    """How an RPC fails."""

    code: grpc.StatusCode
    details: str
    trailers: tuple[tuple[str, str | bytes], ...] = ()


_DEFECT: Final = _Failed(
    code=grpc.StatusCode.INTERNAL,
    details="An internal error occurred. Report it to the operator.",
)


class _Rpcs(grpc.GenericRpcHandler):
    """The RPCs that are offered: the message of each is a stream, which is read when there is room.

    A long answer is a stream as well, so that it counts as unread until the client has read it; the
    library sends a short one together with the status.
    """

    def __init__(self, serve: Any, paths: Mapping[str, bool]) -> None:  # noqa: ANN401 - grpc's types have streams as iterators only
        self._handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            path: _handler(serve, path, is_long=is_long) for path, is_long in paths.items()
        }

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a method; None for one that is not implemented."""
        return self._handlers.get(handler_call_details.method)


def _handler(serve: Any, path: str, *, is_long: bool) -> grpc.RpcMethodHandler[bytes, bytes]:  # noqa: ANN401 - as above
    # A plain function: the library asks of each call what kind of callable it has.
    async def handle(_requests: AsyncIterator[bytes], context: Context) -> bytes:
        answer: bytes = await serve(path, context, writes=is_long)
        return answer

    if is_long:
        return grpc.stream_stream_rpc_method_handler(handle)
    return grpc.stream_unary_rpc_method_handler(handle)


class _Exchange:
    """Message and answer of one RPC, as an ASGI application receives and sends them."""

    def __init__(self, context: Context, slot: Any, *, writes: bool) -> None:  # noqa: ANN401 - a context manager that waits
        self._context = context
        self._slot = slot
        self._writes = writes
        self.answered: asyncio.Future[bytes | _Failed] = asyncio.get_running_loop().create_future()
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self.is_reading = False
        self.is_abandoned = False

    async def receive(self) -> Message:
        """The whole message at once."""
        self.is_reading = True
        try:
            async with self._slot():
                message: object = await self._context.read()
        except GateRefused:
            return {"type": "http.disconnect", "crowded": True}
        except Exception:
            # Of a client that is gone nothing can be read; the library has no class for that.
            if not self.is_abandoned:
                raise
            return {"type": "http.disconnect"}
        finally:
            self.is_reading = False
        if message is aio.EOF:
            # No message, or one that is too long, which the library has reported to the client.
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": message, "more_body": False}

    async def send(self, event: Message) -> None:
        """Part of the answer; with the last one it goes to the client."""
        if event["type"] == "http.response.start":
            self._headers = event["headers"]
            return
        self._parts.append(event["body"])
        if not event["more_body"]:
            await self._finish(b"".join(self._parts))

    async def _finish(self, body: bytes) -> None:
        trailers: list[tuple[str, str | bytes]] = []
        is_status = False
        for name, value in self._headers:
            field = name.lower()
            if field in _TRAILERS:
                trailers.append((field.decode(), value.decode()))
            elif field == b"content-type":
                is_status = value == _STATUS_TYPE
        if is_status:
            status = Status.FromString(body)
            self.answer(
                _Failed(
                    code=_CODES.get(status.code, _CODES[Code.INTERNAL]),
                    details=status.message,
                    trailers=(*trailers, (_DETAILS, body)),
                )
            )
            return
        self._context.set_trailing_metadata(tuple(trailers))
        # A write fails only where the client is gone; the library has no class for that.
        if self._writes and not self.is_abandoned:
            with suppress(Exception):
                await self._context.write(body)
        self.answer(body)

    def answer(self, answer: bytes | _Failed) -> None:
        """Let the handler end the RPC, unless its client is gone."""
        if not self.answered.done():
            self.answered.set_result(answer)
