"""Requests: an RPC as a request to the application, which answers it as one over HTTP.

The scheme of such a request is GRPC, which no request over HTTP can have.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from typing import Final
from urllib.parse import unquote

from flask import request

from app.api import wsgi_bridge
from app.api.wsgi_bridge import Message

GRPC: Final = "grpc"
SERVICE: Final = "dapr.proto.runtime.v1.Dapr"

Fields = Iterable[tuple[str, str | bytes]]

_FIXED: Final[Message] = {
    **wsgi_bridge.BASE,
    "REQUEST_METHOD": "POST",
    "QUERY_STRING": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "50001",
    "SERVER_PROTOCOL": "HTTP/2",
    "HTTP_HOST": "localhost",
    # The length of the message is not known before it is read.
    "HTTP_TRANSFER_ENCODING": "chunked",
    "wsgi.url_scheme": GRPC,
}
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


@lru_cache(maxsize=1024)
def address_of(peer: str) -> str:
    """The IP address of a gRPC peer such as `ipv4:127.0.0.1:5000` or `ipv6:%5B::1%5D:5000`."""
    kind, _, rest = unquote(peer).partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return ""
    return rest.rpartition(":")[0].strip("[]")


def environ_of(path: str, metadata: Fields, peer: str) -> Message:
    """The WSGI environment of an RPC; binary metadata is left out."""
    return of_client(of_head(path, metadata), peer)


def of_client(head: Message, peer: str) -> Message:
    """The environment of an RPC, whose head has these variables, of this client."""
    return {**head, "REMOTE_ADDR": address_of(peer), "wsgi.input": BytesIO()}


def of_head(path: str, metadata: Fields) -> Message:
    """What the environment has of the method and the metadata of an RPC."""
    environ = {**_FIXED, "PATH_INFO": path, "REQUEST_URI": path}
    for name, value in metadata:
        key = None if name in _OF_HTTP else wsgi_bridge.variable(name.encode())
        if key is not None and isinstance(value, str):
            # WSGI has bytes as characters of ISO-8859-1 (PEP 3333).
            text = value if value.isascii() else value.encode().decode("latin-1")
            environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ
