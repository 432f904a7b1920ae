"""Limit cache: the limits of accounts in this process's memory, a few seconds at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from app.domain.limits import Limits, Overrides, overridden
from app.domain.usage import Allowed

FRESH_S: Final = 5.0
"""A changed limit holds in every process this many seconds later, at the latest."""

MAX_ACCOUNTS: Final = 4096


class LimitCache:
    """The limits of accounts: those of the settings, changed by those of the account's own."""

    def __init__(self, defaults: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._defaults = defaults
        self._clock = clock
        self._lock = Lock()
        self._known: dict[int, tuple[float, Limits]] = {}
        self.in_database: dict[int, Allowed] = {}
        """The limits that this process has seen in the database's own table, by account."""

    def put(self, account_id: int, overrides: Overrides) -> Limits:
        """Cache the limits of an account, whose own were just read."""
        limits = overridden(self._defaults, overrides)
        with self._lock:
            self._known.pop(account_id, None)
            while len(self._known) >= MAX_ACCOUNTS:
                self._known.pop(next(iter(self._known)))
            self._known[account_id] = self._clock() + FRESH_S, limits
        return limits

    def get(self, account_id: int) -> Limits | None:
        """The limits of an account; None where they are not cached, or too old."""
        found = self._known.get(account_id)
        return found[1] if found is not None and self._clock() < found[0] else None

    def forget(self, account_id: int) -> None:
        """Drop the limits of an account: they are read again when they are needed."""
        self._known.pop(account_id, None)
