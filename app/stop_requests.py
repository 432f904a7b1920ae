"""Stop requests: which of the signals that end a process count as separate requests.

A process manager sends a signal to every process of a group, and a parent in that group sends the
signal to its child again: two signals at almost the same time are one request. A later signal is a
second request, with which the operator asks the process to hurry.
"""

from __future__ import annotations

import math
from typing import Final

REPEATED_WITHIN_S: Final = 1.0


class StopRequests:
    """Counts the stop requests of one process; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._number = 0
        self._counted_at = -math.inf

    def count(self, now: float) -> int | None:
        """Return the number of the request that a signal at `now` is; None if it repeats one."""
        if now - self._counted_at < REPEATED_WITHIN_S:
            return None
        self._counted_at = now
        self._number += 1
        return self._number
