"""Limit cache: the limits of accounts, cached in this process for a few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from app.domain.limits import Limits, Overrides, overridden
from app.domain.usage import Allowed

FRESH_S: Final = 5.0
"""A changed limit is in force in every process after at most this many seconds."""

MAX_ACCOUNTS: Final = 4096


class LimitCache:
    """The limits of accounts: the settings' defaults, overridden by an account's own limits."""

    def __init__(self, defaults: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._defaults = defaults
        self._clock = clock
        self._lock = Lock()
        self._known: dict[int, tuple[float, Limits]] = {}
        self.in_database: dict[int, Allowed] = {}
        """The limits that this process has seen in the database's table of limits, by account."""

    def put(self, account_id: int, overrides: Overrides) -> Limits:
        """Cache and return the limits of an account; `overrides` are its own, just read."""
        limits = overridden(self._defaults, overrides)
        with self._lock:
            self._known.pop(account_id, None)
            while len(self._known) >= MAX_ACCOUNTS:
                self._known.pop(next(iter(self._known)))
            self._known[account_id] = self._clock() + FRESH_S, limits
        return limits

    def get(self, account_id: int) -> Limits | None:
        """Return the limits of an account; None if they are not cached or are too old."""
        found = self._known.get(account_id)
        return found[1] if found is not None and self._clock() < found[0] else None

    def forget(self, account_id: int) -> None:
        """Drop the limits of an account, so that they are read again when needed."""
        self._known.pop(account_id, None)
