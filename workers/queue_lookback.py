"""Queue lookback: how far back a queue in PostgreSQL is read, and the search for rows further back.

A transaction that stays open, such as a backup's, keeps every row version that existed when it
began, including the rows that have left the queue since. A reader that starts at the beginning of
the queue walks past all of them, each time.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from app.domain.timings.claiming import (
    LEFT_BEHIND_S,
    LOOKBACK,
    MAX_SEARCH_PAUSE_S,
    MIN_SEARCH_PAUSE_S,
    SEARCH_REST,
    UNBOUNDED_S,
)
from app.store.connection import ReconnectingConnection
from app.store.left_behind import left_behind
from workers.loop_thread import LoopThread

_LOOKBACK_S: Final = LOOKBACK.total_seconds()


class Lookback:
    """How far back one reader reads one queue: to LOOKBACK before it last had read everything due.

    At first a reader starts at the beginning of the queue, until it has read everything once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read_until = float("-inf")
        self._left: deque[float] = deque()

    def seconds(self) -> float:
        """How many seconds back to read now."""
        while self._left:
            self._read_until = min(self._read_until, self._left.popleft())
        return min(self._clock() - self._read_until + _LOOKBACK_S, UNBOUNDED_S)

    def exhausted(self, at: float) -> None:
        """Record that everything that was due at this instant of the clock has been read."""
        self._read_until = at

    def extend_to(self, age: float) -> None:
        """Read back to a row that was due `age` seconds ago; for any thread."""
        self._left.append(self._clock() - age)


class LeftBehindSearch(LoopThread):
    """A thread of a scheduler that searches for rows that the scheduler has left behind.

    A row is left behind if it was locked, or not committed, for longer than the scheduler reads
    back, or if the database's clock leapt over its time.
    """

    def __init__(
        self,
        database: ReconnectingConnection,
        *,
        due: Lookback,
        inflight: Lookback,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("left_behind", interval=MIN_SEARCH_PAUSE_S)
        self._database = database
        self._due = due
        self._inflight = inflight
        self._clock = clock

    def run_once(self) -> None:
        """Search, extend the lookbacks to what was found, and set the pause after it."""
        self.interval = MAX_SEARCH_PAUSE_S
        began = self._clock()
        with self._database.use() as connection:
            left = left_behind(connection, lookback=LEFT_BEHIND_S)
        for queue, age in ((self._due, left.due), (self._inflight, left.inflight)):
            if age is not None:
                queue.extend_to(age)
        self.interval = min(
            max((self._clock() - began) * SEARCH_REST, MIN_SEARCH_PAUSE_S), MAX_SEARCH_PAUSE_S
        )

    def close(self) -> None:
        """Close the connection."""
        self._database.close()
