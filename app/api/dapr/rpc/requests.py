"""Requests: an RPC as a request to the application, which answers it as one over HTTP.

The scheme of such a request is GRPC, which no request over HTTP can have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

from flask import request

from app.api.wsgi_bridge import Message

GRPC: Final = "grpc"
SERVICE: Final = "dapr.proto.runtime.v1.Dapr"

_PORT: Final = 50001
# Names of metadata that would say something else of a request over HTTP than of an RPC.
_OF_HTTP: Final = frozenset(
    {
        *("host", "connection", "content-encoding", "content-length", "content-type", "expect"),
        *("te", "transfer-encoding", "upgrade", "origin", "sec-fetch-site"),
    }
)


def is_grpc() -> bool:
    """Whether the present request is an RPC."""
    return request.scheme == GRPC


def address_of(peer: str) -> str:
    """The IP address of a gRPC peer such as `ipv4:127.0.0.1:5000` or `ipv6:%5B::1%5D:5000`."""
    kind, _, rest = unquote(peer).partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return ""
    return rest.rpartition(":")[0].strip("[]")


def scope_of(path: str, metadata: Iterable[tuple[str, str | bytes]], peer: str) -> Message:
    """The ASGI scope of an RPC; binary metadata is left out."""
    headers = [
        (name.encode(), value.encode())
        for name, value in metadata
        if isinstance(value, str) and name not in _OF_HTTP
    ]
    # The length of the message is not known before it is read.
    headers += [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")]
    return {
        "type": "http",
        "method": "POST",
        "scheme": GRPC,
        "http_version": "2",
        "raw_path": path.encode(),
        "query_string": b"",
        "client": (address_of(peer), 0),
        "server": ("localhost", _PORT),
        "headers": headers,
    }
