"""The web process as it is deployed, for tests that use real sockets."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.processes import procfile
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent


def _deployed() -> str:
    """The options that the Procfile gives, less where to listen and how many."""
    web = procfile(ROOT / "Procfile")["web"].removeprefix("python -m app.http_server wsgi:asgi ")
    given = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", web)
    return re.sub(r"--(?:host|port|workers) \S+ ", "", given)


OPTIONS = _deployed()
PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Web:
    """A running web server."""

    port: int
    process: subprocess.Popen[bytes]

    def connect(self, patience_s: float = PATIENCE_S) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=patience_s)

    def workers(self) -> list[int]:
        """The ids of the worker processes."""
        processes = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return sorted(each for each in processes if parent(each) == self.process.pid)

    def serves(self, workers: int) -> bool:
        """Whether as many workers serve, each on a socket of its own for the port.

        One that still imports misses SIGTERM.
        """
        return listeners(self.port) == workers and self.accepts()

    def accepts(self) -> bool:
        try:
            self.connect().close()
        except OSError:
            return False
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One answer as read from a socket."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def parent(process: int) -> int | None:
    """The parent of a process; None where the process is gone or waits to be collected."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state[0] == "Z" else int(state[1])


def listeners(port: int) -> int:
    """How many sockets listen at a port of IPv4."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = (line.split() for line in lines)
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


@contextmanager
def serving(
    environ: Mapping[str, str],
    target: str = "wsgi:asgi",
    workers: int = 1,
    stderr: IO[bytes] | int | None = None,
    **options: str,
) -> Iterator[Web]:
    """A web server with these settings; further options replace those deployed.

    What it prints goes to `stderr` as well, where that is given.
    """
    port = free_port()
    command = f"{OPTIONS} --host 127.0.0.1 --port {port} --workers {workers}"
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        command = re.sub(rf"{flag} \S+", "", command) + f" {flag} {value}"
    cleared = {name: value for name, value in os.environ.items() if "WAKECALL" not in name}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.http_server", target, *command.split()],
        cwd=ROOT,
        env={**cleared, **environ},
        stdout=stderr,
        stderr=stderr,
        start_new_session=True,
    )
    web = Web(port=port, process=process)
    try:
        until(lambda: web.serves(workers) or process.poll() is not None)
        assert process.poll() is None
        yield web
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)


def until(true: Any, patience_s: float = PATIENCE_S) -> None:
    """Wait until something is so."""
    give_up = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def ask(web: Web, request: bytes, patience_s: float = PATIENCE_S) -> Reply:
    """What comes back for these bytes on a connection of their own."""
    with web.connect(patience_s) as connection:
        connection.sendall(request)
        return read_reply(connection, head_only=request.startswith(b"HEAD"))


def read_reply(connection: socket.socket, *, head_only: bool = False) -> Reply:
    """Read one answer, skipping interim ones; it must have a Content-Length."""
    received = b""
    while True:
        while b"\r\n\r\n" not in received:
            part = connection.recv(65_536)
            assert part, f"closed after {received!r}"
            received += part
        head, _, received = received.partition(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")
        status = int(start.split()[1])
        if status >= 200:
            break
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    length = 0 if head_only or status == 204 else int(headers["content-length"])
    while len(received) < length:
        part = connection.recv(65_536)
        assert part
        received += part
    assert len(received) == length
    return Reply(status=status, headers=headers, body=received)


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes, given a moment to do so: a third of a second where it does not."""
    before = connection.gettimeout()
    connection.settimeout(0.3)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    finally:
        connection.settimeout(before)


def request(method: str, path: str, body: bytes | None = None, **headers: str) -> bytes:
    """The bytes of a request; underscores in header names stand for hyphens."""
    named = {"Host": "wakecall.test", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if body is not None and "Transfer-Encoding" not in named:
        named.setdefault("Content-Length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")
