"""Recent: a cache by account, for counts that are expensive and may be some seconds old."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

MAX_ACCOUNTS: Final = 500
"""Accounts in memory, those that were read last: some 5 MiB."""

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by account, each used for `fresh_for` after it was made. Threads may share it."""

    def __init__(self, fresh_for: timedelta) -> None:
        self.fresh_for = fresh_for
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[datetime, T]] = OrderedDict()

    def get(self, account_id: int, now: datetime) -> T | None:
        """Return the value of an account; None if there is none, or it is too old."""
        with self._lock:
            found = self._kept.get(account_id)
            if found is None or not timedelta() <= now - found[0] < self.fresh_for:
                return None
            self._kept.move_to_end(account_id)
            return found[1]

    def keep(self, account_id: int, now: datetime, value: T) -> None:
        """Keep a value that was made at `now`."""
        with self._lock:
            self._kept[account_id] = (now, value)
            self._kept.move_to_end(account_id)
            while len(self._kept) > MAX_ACCOUNTS:
                self._kept.popitem(last=False)
