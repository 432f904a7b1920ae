"""Memory: by how much a process tree grows during a measurement."""

from __future__ import annotations

import threading
from typing import Final, Self

import psutil

_MIB: Final = 1 << 20
_EVERY_S: Final = 0.05


class Memory:
    """How much more memory the processes of a tree take at most while the block runs."""

    def __init__(self, pid: int) -> None:
        root = psutil.Process(pid)
        self._processes = [root, *root.children(recursive=True)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before = self._taken()
        self._growth = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def growth_mib(self) -> float:
        """By how many MiB, as far as it was seen twenty times a second."""
        return round(self._growth / _MIB, 1)

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_S):
            self._growth = max(self._growth, self._taken() - self._before)

    def _taken(self) -> int:
        return sum(_resident(each) for each in self._processes)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
