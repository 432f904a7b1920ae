"""Public accuracy: how late the calls of all accounts began in the last day, for the first page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from app.domain.lateness import Histogram, Window, window
from app.service.context import Context
from app.store import accuracy as store

FRESH_S: Final = 300.0
"""How old the figures may be: strangers who open the page cost one query in this time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicAccuracy:
    """The calls of all accounts together: one histogram, and its percentiles."""

    histogram: Histogram
    window: Window


class PublicAccuracyCache:
    """The figures as one process read them last."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._known: PublicAccuracy | None = None
        self._due_at = float("-inf")

    def read(self, context: Context) -> PublicAccuracy | None:
        """Return the figures, from the database if they are old; None before the first reading.

        While one thread reads, others get what was known before. Raises Unavailable.
        """
        if self._clock() >= self._due_at and self._lock.acquire(blocking=False):
            try:
                with context.database.statement() as connection:
                    since, histogram = store.of_everybody(connection)
                self._known = PublicAccuracy(
                    histogram=histogram, window=window(since, (histogram,))
                )
                self._due_at = self._clock() + FRESH_S
            finally:
                self._lock.release()
        return self._known
