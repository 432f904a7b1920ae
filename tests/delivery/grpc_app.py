"""GrpcApp: a real gRPC server that keeps what it receives and answers as the test sets."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Condition
from typing import Self

import grpc

from tests.receiver import PATIENCE

STABLE = "/dapr.proto.runtime.v1.AppCallback/OnJobEvent"
ALPHA1 = "/dapr.proto.runtime.v1.AppCallbackAlpha/OnJobEventAlpha1"

Context = grpc.ServicerContext
Handler = Callable[[bytes, Context], bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class GrpcCall:
    """One call as it came; `peer` names the connection."""

    method: str
    message: bytes
    metadata: dict[str, str | bytes]
    seconds_left: float | None
    peer: str


def end(code: grpc.StatusCode, message: str = "") -> Handler:
    """A handler that ends every call with this code."""

    def handler(_message: bytes, context: Context) -> bytes:
        context.set_code(code)
        context.set_details(message)
        return b""

    return handler


def accept(_message: bytes, _context: Context) -> bytes:
    """A handler that answers OK."""
    return b""


class GrpcApp(grpc.GenericRpcHandler):
    """Listens on loopback; `handlers` go by full method name, and what has none is UNIMPLEMENTED.

    Use as a context manager. It may be stopped, and started again on the same port.
    """

    def __init__(
        self,
        handlers: dict[str, Handler] | None = None,
        *,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self.handlers: dict[str, Handler] = {STABLE: accept} if handlers is None else handlers
        self.calls: list[GrpcCall] = []
        self.port = 0
        self._credentials = credentials
        self._changed = Condition()
        self._server: grpc.Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL of the app."""
        return f"http{'s' if self._credentials else ''}://127.0.0.1:{self.port}"

    @property
    def methods(self) -> list[str]:
        """The methods called, in order, without their services."""
        return [call.method.rpartition("/")[2] for call in self.calls]

    def start(self) -> None:
        """Listen, on the port of before if there was one."""
        self._server = grpc.server(
            ThreadPoolExecutor(16), handlers=[self], options=[("grpc.so_reuseport", 0)]
        )
        address = f"127.0.0.1:{self.port}"
        if self._credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, self._credentials)
        self._server.start()

    def stop(self) -> None:
        """Break off all calls, and close the port."""
        if self._server is not None:
            self._server.stop(0).wait()

    def wait_for(self, number: int, seconds: float = PATIENCE) -> list[GrpcCall]:
        """The calls, once there are as many; fails where they do not come in time."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.calls) >= number, seconds)
            assert arrived, f"{len(self.calls)} of {number} calls came in {seconds} s"
            return list(self.calls)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """As grpcio asks for the handler of a call."""
        method = details.method

        def handle(message: bytes, context: Context) -> bytes:
            with self._changed:
                self.calls.append(
                    GrpcCall(
                        method=method,
                        message=message,
                        metadata=dict(context.invocation_metadata()),
                        seconds_left=context.time_remaining(),
                        peer=context.peer(),
                    )
                )
                self._changed.notify_all()
            handler = self.handlers.get(method, end(grpc.StatusCode.UNIMPLEMENTED, "no such job"))
            return handler(message, context)

        return grpc.unary_unary_rpc_method_handler(handle)
