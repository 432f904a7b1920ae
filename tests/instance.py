"""A whole instance for tests: `python -m local.run` with a data directory and port of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from app.errors import Unavailable
from local.client import Client
from local.instance import CHECKOUT
from tests.servers import place

PATIENCE_S = 90.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """An instance that runs, or ran: `process` is its run process, `output` what it printed."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def printed(self) -> str:
        return self.output.read_text()

    @property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "instance.json").read_text())
        return found

    @property
    def client(self) -> Client:
        """A client with the key of the account `demo`."""
        key = (self.home / "demo-key").read_text()
        return Client(host="127.0.0.1", port=self.port, key=key)

    def ready(self) -> bool:
        """Whether `/readyz` answers 200 now."""
        try:
            return self.client.ask("GET", "/readyz")[0] == HTTPStatus.OK
        except (Unavailable, OSError):
            return False

    def pid(self, name: str) -> int:
        """The process id of `postgres`, `valkey`, `web`, `scheduler` or `worker`; 0: none."""
        try:
            return int(self.facts["processes"][name][0])
        except (KeyError, OSError):
            return 0

    def kill(self, name: str) -> int:
        """SIGKILL one process and wait until another has taken its place; its id."""
        before = self.pid(name)
        os.kill(before, signal.SIGKILL)
        until(lambda: self.pid(name) not in {0, before}, f"{name} to be started again")
        return self.pid(name)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the run process a signal and wait for its end; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


def until(true: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until something is so; fails, naming `what`, when it does not become so."""
    give_up = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < give_up, f"waited {patience_s:g} s for {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def start(home: Path, port: int, output: Path, **environ: str) -> Running:
    """Start an instance, not waiting for anything."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WAKECALL_")}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.run"],
            cwd=CHECKOUT,
            env={**clean, "WAKECALL_HOME": f"{home}", "PORT": f"{port}", **environ},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return Running(home=home, port=port, process=process, output=output)


@contextmanager
def running(home: Path, **environ: str) -> Iterator[Running]:
    """An instance that is ready; stopped at the end, if it still runs."""
    instance = start(home, free_port(), home.with_name(f"{home.name}.out"), **environ)
    try:
        until(
            lambda: "Book a call" in instance.printed or instance.process.poll() is not None,
            "the instance to be ready",
        )
        assert instance.process.poll() is None, instance.printed
        yield instance
    finally:
        if instance.process.poll() is None:
            instance.stop()


@contextmanager
def fresh_instance(**environ: str) -> Iterator[Running]:
    """A ready instance with a new data directory, which goes with it."""
    with place() as folder, running(folder / "home", **environ) as instance:
        yield instance
