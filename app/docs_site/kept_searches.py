"""Kept searches: the newest answers to searches, within a bound in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

MAX_BYTES: Final = 1024 * 1024
"""Some fifty answers. Whoever asks for other words each time finds and leaves none of use."""

_OVERHEAD: Final = 512
"""What an answer takes beside its bytes: its key, with a query of 200 characters, and an entry."""


class KeptSearches:
    """Answers by what they were asked for; those used longest ago are forgotten."""

    def __init__(self, most: int = MAX_BYTES) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0
        """The bytes that are kept; at most `most`."""

    def get(self, key: Hashable) -> bytes | None:
        """Return the answer that was kept under this key, if it still is."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Hashable, answer: bytes) -> None:
        """Keep an answer."""
        with self._lock:
            self._remove(key)
            self._kept[key] = answer
            self.size += len(answer) + _OVERHEAD
            while self.size > self._most:
                self._remove(next(iter(self._kept)))

    def _remove(self, key: Hashable) -> None:
        answer = self._kept.pop(key, None)
        if answer is not None:
            self.size -= len(answer) + _OVERHEAD
