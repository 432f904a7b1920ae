"""Processes: schedulers, workers and webs, each started again when it has ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from local.orphans import kill_group
from tests.soak.deployment import Beside

_POLL_S = 0.1
_AGAIN_S = 0.5
"""Seconds between the end of a process and its successor, as with a supervisor."""


@dataclass(kw_only=True, slots=True)
class Kept:
    """A process that is kept running; who starts it again holds `lock`."""

    name: str
    beside: Beside
    killed: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Processes:
    """All of them, with a thread that starts again what has ended.

    `ended` has a line for each process that ended although no fault killed it.
    """

    def __init__(self, environments: Mapping[str, Mapping[str, str]], folder: Path) -> None:
        self.folder = folder
        self.ended: list[str] = []
        self._environments = environments
        self._kept: dict[str, Kept] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        for name, environment in self._environments.items():
            kind = name.partition("-")[0]
            beside = Beside(kind, environment, self.folder / f"{name}.log")
            self._kept[name] = Kept(name=name, beside=beside)
        self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._stopping.set()
        self._thread.join()
        for each in self._kept.values():
            self._signal(each.name, signal.SIGCONT)
            with suppress(ProcessLookupError):
                each.beside.process.terminate()
        for each in self._kept.values():
            each.beside.stop()
            kill_group(each.beside.process.pid)

    def names(self, kind: str = "") -> list[str]:
        """The names of all processes of a kind."""
        return [name for name in self._kept if name.startswith(kind)]

    def pid(self, name: str) -> int:
        """The id of the process that has this name now."""
        return self._kept[name].beside.process.pid

    def kill(self, name: str) -> None:
        """Kill it with all that it has started; its successor follows."""
        kept = self._kept[name]
        kept.killed.add(kept.beside.process.pid)
        kill_group(kept.beside.process.pid)

    def stop(self, name: str) -> None:
        """Stand it still, with all that it has started."""
        self._signal(name, signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        """Let it go on."""
        self._signal(name, signal.SIGCONT)

    def restart(self, name: str, errors: int | None = None) -> int | None:
        """Stop it in good order and start it again, with `errors` as its standard error.

        Return the status with which it ended; None where it had to be killed.
        """
        kept = self._kept[name]
        with kept.lock:
            ended = kept.beside.process.poll()
            status = kept.beside.stop() if ended is None else ended
            kill_group(kept.beside.process.pid)
            kept.beside.start(errors)
        return status

    def _signal(self, name: str, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid(name), number)

    def _keep(self) -> None:
        while not self._stopping.wait(_POLL_S):
            for each in self._kept.values():
                if each.lock.acquire(blocking=False):
                    try:
                        self._revive(each)
                    finally:
                        each.lock.release()

    def _revive(self, kept: Kept) -> None:
        """Start it again if it has ended."""
        process = kept.beside.process
        if process.poll() is None:
            return
        if process.pid not in kept.killed:
            at = time.strftime("%H:%M:%S", time.gmtime())
            text = f"{kept.name} ended by itself with status {process.returncode} at {at}"
            self.ended.append(text)
        kill_group(process.pid)
        if not self._stopping.wait(_AGAIN_S):
            kept.beside.start()
