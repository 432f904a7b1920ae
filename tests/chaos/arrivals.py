"""Arrivals: reads the receiver's file while it grows, and keeps every call."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Self

from tests.chaos.names import name_of
from tests.soak.records import Call

_POLL_S = 0.1
_RECENT = 20_000


class Arrival(NamedTuple):
    """A recent call: its path, when it arrived and when it was due."""

    path: str
    at: float
    due: float


class Arrivals:
    """A thread that follows the file; `calls` grows as they come.

    `faults` has a line for each call that was not of its account, or had the data of another job.
    """

    def __init__(self, file: Path) -> None:
        self.calls: list[Call] = []
        self.faults: list[tuple[float, str]] = []
        self._file = file
        self._recent: deque[Arrival] = deque(maxlen=_RECENT)
        self._read = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._stopping.set()
        self._thread.join()

    def recent(self, seconds: float) -> list[Arrival]:
        """The calls that arrived in the last seconds."""
        begin = time.time() - seconds
        return [each for each in list(self._recent) if each.at >= begin]

    def wait(self) -> None:
        """Return once everything is in `calls` that is in the file by now."""
        size = self._file.stat().st_size
        while self._read < size and self._thread.is_alive():
            time.sleep(_POLL_S / 2)

    def _follow(self) -> None:
        rest = b""
        with self._file.open("rb") as file:
            while True:
                # Read once more after the end, so that nothing is left in the file.
                ended = self._stopping.wait(_POLL_S)
                *lines, rest = (rest + file.read()).split(b"\n")
                for line in lines:
                    self._add(line.decode())
                self._read = file.tell()
                if ended:
                    return

    def _add(self, line: str) -> None:
        at, path, due_text, job, run, attempt, answered, fault = line.split("\t")
        due = datetime.fromisoformat(due_text).timestamp() if due_text else 0.0
        key = name_of(path, due)
        call = Call(
            key=key,
            at=float(at),
            job=sys.intern(job),
            run=run,
            attempt=int(attempt),
            answered=int(answered),
        )
        self.calls.append(call)
        self._recent.append(Arrival(sys.intern(path), call.at, due))
        if fault != "-":
            self.faults.append((call.at, f"{key}: {fault}"))
