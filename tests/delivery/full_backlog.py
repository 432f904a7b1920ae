"""Full backlog: a server with which no connection comes about, as its queue of them is full."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_backlog() -> Iterator[int]:
    """Return the port of a server that accepts nothing, for the length of the block."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        port: int = deaf.getsockname()[1]
        fill = [socket.socket() for _ in range(4)]
        for each in fill:
            each.settimeout(0)
            each.connect_ex(("127.0.0.1", port))
        yield port
        for each in fill:
            each.close()
