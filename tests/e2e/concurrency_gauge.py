"""Gauge: a receiver's behaviour that counts how many calls are under way at once."""

from __future__ import annotations

import threading

from tests.receiver import Exchange, after, answer


class Gauge:
    """Behaves as `then`, and keeps how many calls were under way at once."""

    def __init__(self, seconds: float) -> None:
        self._then = after(seconds, answer(204))
        self._lock = threading.Lock()
        self._now = 0
        self.maximum = 0

    def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            self._now += 1
            self.maximum = max(self.maximum, self._now)
        try:
            self._then(exchange)
        finally:
            with self._lock:
                self._now -= 1
