"""Backlog watch: counts the backlog repeatedly, at a bounded cost even with many dead rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from app.domain.timings.claiming import LOOKBACK, UNBOUNDED_S
from app.store.backlog import Backlog, backlog

_LOOKBACK_S: Final = LOOKBACK.total_seconds()
_WHOLE_S: Final = 30.0
_REST: Final = 50


class BacklogWatch:
    """Counts from the position of each queue's first row at the last count, and sometimes fully.

    While a transaction stays open, a full count has to pass over all the rows that have left the
    queues since that transaction began. So full counts take at most a fiftieth of the time, but
    one is made at least every 30 s. After a full count that failed, the next one is 30 s later.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._whole_at = float("-inf")
        self._due_since = float("inf")
        self._inflight_since = float("inf")

    def count(self, connection: Connection) -> Backlog:
        """Count the backlog. Raises SQLAlchemyError."""
        began = self._clock()
        whole = began >= self._whole_at
        if whole:
            self._whole_at = began + _WHOLE_S
        found = backlog(
            connection,
            due_lookback=UNBOUNDED_S if whole else _reach(began, self._due_since),
            inflight_lookback=UNBOUNDED_S if whole else _reach(began, self._inflight_since),
        )
        self._due_since = began - found.overdue_age
        self._inflight_since = began - found.inflight_age
        if whole:
            now = self._clock()
            self._whole_at = now + min((now - began) * _REST, _WHOLE_S)
        return found


def _reach(now: float, since: float) -> float:
    return _LOOKBACK_S + max(0.0, now - since)
