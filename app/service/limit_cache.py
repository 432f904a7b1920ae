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
        self._stored: dict[int, Allowed] = {}
        """Of each account, what the database's table of limits was last seen to have. Another
        process may store others, which it does while other limits than these are in force."""
        self._reported: dict[int, Limits] = {}
        """Of each account, the limits that were last found to be those in the database."""

    def put(self, account_id: int, overrides: Overrides) -> Limits:
        """Cache and return the limits of an account; `overrides` are its own, just read."""
        limits = overridden(self._defaults, overrides)
        with self._lock:
            if self.get(account_id) != limits:
                # Others are in force, or were since they were last known.
                self._stored.pop(account_id, None)
                self._reported.pop(account_id, None)
            self._known.pop(account_id, None)
            while len(self._known) >= MAX_ACCOUNTS:
                self._known.pop(next(iter(self._known)))
            self._known[account_id] = self._clock() + FRESH_S, limits
        return limits

    def get(self, account_id: int) -> Limits | None:
        """Return the limits of an account; None if they are not cached or are too old."""
        found = self._known.get(account_id)
        return found[1] if found is not None and self._clock() < found[0] else None

    def note_stored(self, account_id: int, allowed: Allowed) -> None:
        """Take note of what the database's table of limits has for an account."""
        with self._lock:
            if len(self._stored) >= MAX_ACCOUNTS:
                self._stored.clear()
            self._reported.clear()
            self._stored[account_id] = allowed

    def is_stored(self, account_id: int, limits: Limits) -> bool:
        """Whether the database was last seen to have these limits of the account."""
        return self._stored.get(account_id) == allowed_by(limits)

    def get_reported(self, account_id: int) -> Limits | None:
        """As `get`, and None too unless the database was seen to have the same limits."""
        limits = self.get(account_id)
        if limits is None or self._reported.get(account_id) is limits:
            return limits
        with self._lock:
            if not self.is_stored(account_id, limits):
                return None
            if len(self._reported) >= MAX_ACCOUNTS:
                self._reported.clear()
            self._reported[account_id] = limits
        return limits

    def forget(self, account_id: int) -> None:
        """Drop the limits of an account, so that they are read again when needed."""
        self._known.pop(account_id, None)


def allowed_by(limits: Limits) -> Allowed:
    """Those of the limits that the database keeps."""
    return Allowed(jobs=limits.jobs, bytes=limits.stored_bytes, answers=limits.kept_answer_bytes)
