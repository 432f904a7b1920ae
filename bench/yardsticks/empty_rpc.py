"""Empty RPC: servers of grpcio that answer any RPC with nothing; the limit of bookings over gRPC.

python -m bench.yardsticks.empty_rpc core PORT      as Wakecall's server drives the core of grpcio
python -m bench.yardsticks.empty_rpc asyncio PORT   the asyncio server of grpcio
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

import grpc
import uvloop
from grpc import aio

from app.api import web_process
from app.api.dapr.rpc.calls import Call, CallServer
from app.api.dapr.rpc.server import OPTIONS

SERVES: Final = "serves"
"""What is printed once RPCs are answered."""

_OPTIONS: Final = (*OPTIONS, ("grpc.so_reuseport", 1))


async def _serve_core(address: str) -> None:
    works: set[asyncio.Task[None]] = set()

    async def answer(call: Call) -> None:
        await call.read()
        call.finish(b"", ())

    def begin(call: Call) -> None:
        work = asyncio.get_running_loop().create_task(answer(call))
        works.add(work)
        work.add_done_callback(works.discard)

    server = CallServer(_OPTIONS, begin)
    server.listen(address)
    server.start()
    await _for_ever()


class _AnyMethod(grpc.GenericRpcHandler):
    """One handler for every method."""

    def __init__(self, handler: grpc.RpcMethodHandler[bytes, bytes]) -> None:
        self._handler = handler

    def service(
        self,
        handler_call_details: grpc.HandlerCallDetails,  # noqa: ARG002 - all are alike
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """The handler."""
        return self._handler


async def _serve_asyncio(address: str) -> None:
    async def answer(_requests: AsyncIterator[bytes], context: Any) -> bytes:  # noqa: ANN401 - grpcio's types have streams as iterators only
        await context.read()
        return b""

    server = aio.server(options=_OPTIONS)
    handler: Any = grpc.stream_unary_rpc_method_handler(answer)
    server.add_generic_rpc_handlers((_AnyMethod(handler),))
    server.add_insecure_port(address)
    await server.start()
    await _for_ever()


async def _for_ever() -> None:
    print(SERVES, flush=True)
    await asyncio.Event().wait()


KINDS: Final[dict[str, Callable[[str], Coroutine[Any, Any, None]]]] = {
    "core": _serve_core,
    "asyncio": _serve_asyncio,
}


if __name__ == "__main__":
    kind, port = sys.argv[1:]
    sys.setswitchinterval(web_process.SWITCH_S)
    uvloop.run(KINDS[kind](f"127.0.0.1:{port}"))
