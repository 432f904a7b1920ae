"""Receiver: what Wakecall calls, on 200 loopback addresses, with a cost that is known."""

from __future__ import annotations

import http.client
import re
import resource
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from bench import certificate, nginx, processor
from bench.children import Failed, child, free_port, last_words, python
from local.instance import CHECKOUT
from local.program import Program
from local.terminal import step

ADDRESSES: Final = tuple(f"127.0.{1 + n // 100}.{1 + n % 100}" for n in range(200))
_START_S: Final = 20.0
_POLL_S: Final = 0.05
_FILES: Final = 30_000
_FEWEST_FILES: Final = 4_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """A call that came: its run, and how many seconds after the booked instant."""

    run: str
    due: datetime
    late: float


@dataclass(kw_only=True)
class Receiver:
    """The running receiver: `plain`, `timed` and `tls` answer 204, `hanging` never answers.

    Calls on `timed` and `tls` are reported with their time of arrival.
    """

    name: str
    folder: Path
    plain: int
    timed: int
    tls: int
    hanging: int
    authority: Path
    pids: dict[str, int] = field(default_factory=dict)
    _read: int = 0
    _asked: int = 0

    def count(self) -> int:
        """How many calls it has answered since it was started."""
        self._asked += 1
        connection = http.client.HTTPConnection(ADDRESSES[0], self.plain, timeout=10)
        try:
            connection.request("GET", "/count")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        # nginx: "accepts handled requests", our questions among the latter.
        table = re.search(r"^ (\d+) (\d+) (\d+) $", text, re.MULTILINE)
        return int(table.group(3)) - self._asked if table else int(text)

    def cpu(self) -> float:
        """CPU seconds it has used."""
        return sum(processor.used(self.pids).values())

    def forget(self) -> None:
        """Tell of no call that has come so far."""
        time.sleep(0.5)  # nginx keeps lines back for 0.25 s
        with suppress(OSError):
            self._read = (self.folder / "arrivals.log").stat().st_size

    def arrivals(self, expected: int, *, patience_s: float = 5.0) -> list[Arrival]:
        """The calls on the timed ports since they were last forgotten or reported.

        Waits until there are as many as expected; those there are where they do not come.
        """
        give_up = time.monotonic() + patience_s
        while True:
            with (self.folder / "arrivals.log").open("rb") as log:
                log.seek(self._read)
                text = log.read()
            whole = text[: text.rfind(b"\n") + 1]
            if whole.count(b"\n") >= expected or time.monotonic() > give_up:
                self._read += len(whole)
                return [_arrival(line) for line in whole.decode().splitlines()]
            time.sleep(_POLL_S)


@contextmanager
def started(*, own: bool = False) -> Iterator[Receiver]:
    """Run a receiver whose files are in a temporary folder, and name it at the terminal."""
    with tempfile.TemporaryDirectory(prefix="wakecall-bench-") as made:
        files = Path(made)
        files.chmod(0o711)
        with ExitStack() as stack:
            with step("Receiver", "starting") as begun:
                calls = stack.enter_context(running(files, own=own))
                begun.result = f"{calls.name}, {len(ADDRESSES)} addresses"
            yield calls


@contextmanager
def running(folder: Path, *, own: bool = False) -> Iterator[Receiver]:
    """A receiver with its files in `folder`: nginx, or our own where it is missing or wanted."""
    found = None if own else nginx.binary()
    trusted = certificate.make(folder, ADDRESSES)
    (folder / "arrivals.log").touch()
    ports = {name: free_port() for name in ("plain", "timed", "tls", "hanging")}
    receiver = Receiver(
        name=nginx.version(found) if found else "own (asyncio)",
        folder=folder,
        authority=trusted,
        plain=ports["plain"],
        timed=ports["timed"],
        tls=ports["tls"],
        hanging=ports["hanging"],
    )
    with ExitStack() as stack:

        def start(name: str, command: tuple[str, ...]) -> Callable[[], bool]:
            program = Program(
                name=name, command=command, log=folder / f"{name}.log", folder=CHECKOUT
            )
            process = stack.enter_context(child(program))
            receiver.pids[name] = process.pid
            return lambda: process.poll() is None

        served = ports if found is None else dict.fromkeys(ports, 0) | {"hanging": receiver.hanging}
        alive = {"sink": start("sink", _sink(served, folder))}
        if found:
            text = nginx.configuration(
                folder,
                ADDRESSES,
                plain=receiver.plain,
                timed=receiver.timed,
                tls=receiver.tls,
                files=_files(),
            )
            alive["nginx"] = start("nginx", nginx.command(found, folder, text))
        await_listening(ADDRESSES[-1], list(ports.values()), alive, folder)
        yield receiver


def _sink(ports: dict[str, int], folder: Path) -> tuple[str, ...]:
    numbers = [f"{ports[name]}" for name in ("plain", "timed", "tls", "hanging")]
    return python("bench.sink", ",".join(ADDRESSES), *numbers, f"{folder}")


def _files() -> int:
    """How many files nginx may open."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if files < _FEWEST_FILES:
        raise Failed(f"Only {files} open files are allowed; raise the limit (ulimit -Hn).")
    return files


def await_listening(
    address: str, ports: Sequence[int], alive: Mapping[str, Callable[[], bool]], logs: Path
) -> None:
    """Return once all these ports take connections.

    Raises Failed, with the last line of its log, where a process is not alive, or after 20 s.
    """
    give_up = time.monotonic() + _START_S
    waiting = list(ports)
    while waiting:
        for name, lives in alive.items():
            if not lives() or time.monotonic() > give_up:
                said = last_words(logs / f"{name}.log")
                raise Failed(f"The receiver does not start: {name}: {said}")
        try:
            socket.create_connection((address, waiting[0]), timeout=1).close()
            waiting.pop(0)
        except OSError:
            time.sleep(_POLL_S)


def _arrival(line: str) -> Arrival:
    at, due_text, run, _status = line.split(" ")
    due = datetime.fromisoformat(due_text)
    return Arrival(run=run, due=due, late=float(at) - due.timestamp())
