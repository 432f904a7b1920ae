"""Key use: which API keys this process has seen, stored once in a while and not by requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import psycopg

from app.store import keys

EVERY_S: Final = 60.0
"""How often the uses are stored. Only the hour is, so no key is written twice within an hour."""

MAX_KEYS: Final = 4096
"""The most keys noted at once; a key beyond them is noted at its next request."""


class KeyUse:
    """The ids of valid keys that requests were sent with since the last time they were stored."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: set[str] = set()
        self._due_at = clock()

    def note(self, key_id: str) -> None:
        """Note a request with this key."""
        if len(self._used) < MAX_KEYS:
            self._used.add(key_id)

    def end(self) -> None:
        """Let the next `store` be the last one, whatever time has passed: the process ends."""
        self._due_at = float("-inf")

    def store(self, connection: psycopg.Connection) -> None:
        """Store the noted keys, unless that was done less than EVERY_S ago."""
        now = self._clock()
        if now < self._due_at:
            return
        # Replaced as a whole: what a request notes from here on belongs to the next turn.
        used, self._used = self._used, set()
        self._due_at = now + EVERY_S
        keys.note_use(connection, used)
