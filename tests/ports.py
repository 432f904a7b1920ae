"""Ports: free ports for servers whose port must be known before they start."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress

# As pytest-xdist tells each of its processes; alone, a test process is the first of one.
NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
OF = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def free_port() -> int:
    """A port that nobody listens on, and that no connection going out will be given.

    Test processes side by side have ports of their own: one that is free here is not taken by
    another before the server listens.
    """
    while True:
        port = random.randrange(15_000 + NUMBER, 30_000, OF)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
