"""Server: takes RPCs over HTTP/2 and passes each to the ASGI application as a request.

So an RPC meets the same limits, turns, keys and errors as a request over HTTP. No thread waits for
a client that is slow: a message is read in the event loop, and only when there is room for it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import grpc
from google.rpc.code_pb2 import Code

from app.api.asgi import AsgiApp
from app.api.dapr.rpc.calls import Call, CallServer
from app.api.dapr.rpc.exchange import RpcExchange
from app.api.dapr.rpc.known_heads import KnownHeads
from app.api.fair_gate import FairGate, Slot
from app.api.shared_budget import SeparateBudgets
from app.api.wsgi_bridge import Message
from app.errors import Misconfigured
from app.http_server.exchange import BODY
from app.log import logger

MAX_MESSAGE: Final = 4 * 1024 * 1024
MAX_RPCS: Final = 1024
"""RPCs of accounts under way; one account has half of them at most."""

MAX_RPCS_OF_NETWORKS: Final = 512
"""The same of clients without a known key, by network."""

MAX_CONNECTIONS: Final = 4096
MAX_STREAMS: Final = 128
"""RPCs of one connection that are under way."""

HANDSHAKE_MS: Final = 10_000
"""Milliseconds in which a new connection must begin to speak HTTP/2."""

WINDOW: Final = 64 * 1024
"""Bytes that are taken of a message before it is read."""

READS: Final = 32
"""Messages of accounts that are read at once, each of up to MAX_MESSAGE bytes."""

READS_OF_NETWORKS: Final = 16
"""The same of clients without a known key."""

OPTIONS: Final = (
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
_DEFECT: Final = "An internal error occurred. Report it to the operator."


class RpcServer:
    """Serves the RPCs at `paths` of an ASGI application: whether the answer of each may be long.

    Of the READS one account has at most half of what others leave: so two accounts whose messages
    do not come leave some for a third. Clients without a known key, each of which may have hundreds
    of networks, take nothing of it. If one of them `is_alone`, as the app of a sidecar, it has all.
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
        reads, rpcs = (READS, MAX_RPCS) if is_alone else (READS_OF_NETWORKS, MAX_RPCS_OF_NETWORKS)
        self._reads = FairGate(READS, READS)
        self._reads_of_networks = FairGate(reads, reads)
        self._is_alone = is_alone
        self._rpcs = SeparateBudgets(accounts=MAX_RPCS, networks=rpcs)
        self._heads = KnownHeads()
        self._paths = paths
        self._works: set[asyncio.Task[None]] = set()
        self._server = CallServer((*OPTIONS, ("grpc.so_reuseport", int(shares_port))), self._begin)

    def listen(self, host: str, port: int, *, certificate: tuple[Path, Path] | None = None) -> int:
        """Listen at an address of this machine; return the port.

        `certificate` is a file with certificates, and that with their key. Raises Misconfigured.
        """
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        credentials = None if certificate is None else _credentials(*certificate)
        found = self._server.listen(address, credentials)
        if not found:
            raise Misconfigured(
                f"gRPC cannot listen at {address}: the port is in use, or there is no such address."
            )
        return found

    async def start(self) -> None:
        """Begin to serve."""
        self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Take no more RPCs, and give those under way `grace_s` seconds."""
        await self._server.stop(grace_s)
        if self._works:
            # Threads that work for clients that are gone.
            await asyncio.wait(self._works, timeout=grace_s)

    def _begin(self, call: Call) -> None:
        """Begin to answer an RPC."""
        try:
            self._begin_work(call)
        except Exception:  # noqa: BLE001 - a defect, which is logged for the operator
            logger.exception("rpc.failed", path=call.method)
            call.fail(Code.INTERNAL, _DEFECT)

    def _begin_work(self, call: Call) -> None:
        writes = self._paths.get(call.method)
        if writes is None:
            call.fail(Code.UNIMPLEMENTED, "Method not found!")
            return
        environ = self._heads.environ_of(call.method, call.metadata, call.peer)
        sender = self._asgi.identify(environ)
        lane = sender.owner
        if not self._rpcs.acquire(lane):
            held = self._rpcs.held(lane)
            call.fail(
                Code.RESOURCE_EXHAUSTED,
                f"{held} RPCs of this sender are under way, which is the most. Send fewer at once.",
            )
            return
        exchange = RpcExchange(call, partial(self._slot, lane), writes=writes)
        exchange.begin()
        work = asyncio.get_running_loop().create_task(self._work(environ, exchange, lane))
        self._works.add(work)

    async def _work(self, environ: Message, exchange: RpcExchange, lane: int | str) -> None:
        try:
            arrived = exchange.arrived()
            if arrived is not None:
                environ[BODY] = arrived
            await self._asgi.serve(environ, exchange.receive, exchange.send)
        except ConnectionError:
            # The client is gone, or its message is too long, which the library has told it.
            exchange.fail(Code.CANCELLED, "")
        except asyncio.CancelledError:
            exchange.fail(Code.CANCELLED, "")
            raise
        except Exception:  # noqa: BLE001 - a defect, which is logged for the operator
            logger.exception("rpc.failed", path=environ["PATH_INFO"])
            exchange.fail(Code.INTERNAL, _DEFECT)
        finally:
            exchange.leave()
            self._rpcs.release(lane)
            self._works.discard(asyncio.current_task())

    def _slot(self, lane: int | str) -> Slot:
        reads = self._reads_of_networks if isinstance(lane, str) else self._reads
        share = None if self._is_alone else reads.half_of_rest(lane)
        return reads.slot(lane, share=share)


def _credentials(chain: Path, key: Path) -> grpc.ServerCredentials:
    """Return what ends TLS with this certificate; raises Misconfigured.

    The library would say nothing of what is wrong with it.
    """
    try:
        # A password is never asked for: the library takes no key that has one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, password="")
        return grpc.ssl_server_credentials([(key.read_bytes(), chain.read_bytes())])
    except ssl.SSLError as error:
        reason = (error.reason or "no certificate in PEM").lower().replace("_", " ")
        raise Misconfigured(
            f"WAKECALL_GRPC_CERTIFICATE and WAKECALL_GRPC_KEY cannot be used together: {reason}."
        ) from None
    except OSError as error:
        raise Misconfigured(f"The certificate or its key cannot be read: {error}.") from None
