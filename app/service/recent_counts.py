"""Recent counts: run counts of a day in memory, of which a request counts only the newest again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from app.domain.run_counts import RunCount

MAX_ACCOUNTS: Final = 500
"""Accounts in memory, those that were read last: some 5 MiB."""

FRESH_FOR: Final = timedelta(minutes=1)
"""How long counts of earlier buckets are used. They change when a run that waited long ends."""


class RecentCounts:
    """Counts of earlier buckets by account, each with the time at which they were made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: OrderedDict[int, tuple[datetime, tuple[RunCount, ...]]] = OrderedDict()

    def get(self, account_id: int, now: datetime) -> tuple[RunCount, ...]:
        """Return the counts of an account, the newest first; none if they are too old."""
        with self._lock:
            made, counts = self._counts.get(account_id, (now, ()))
            if not timedelta() <= now - made < FRESH_FOR:
                return ()
            if counts:
                self._counts.move_to_end(account_id)
            return counts

    def keep(self, account_id: int, now: datetime, counts: Sequence[RunCount]) -> None:
        """Keep counts that were made at `now`."""
        with self._lock:
            self._counts[account_id] = (now, tuple(counts))
            self._counts.move_to_end(account_id)
            while len(self._counts) > MAX_ACCOUNTS:
                self._counts.popitem(last=False)
