"""Stop requests: which of the signals that ask a process to end are requests of their own.

Process managers send a signal to every process of a group, and whoever started one of them sends it
that signal again: two that come at once are one request. A later one asks the process to hurry.
"""

from __future__ import annotations

import math
from typing import Final

REPEATED_WITHIN_S: Final = 1.0


class StopRequests:
    """Counts the requests that one process gets; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._number = 0
        self._counted_at = -math.inf

    def count(self, now: float) -> int | None:
        """The number of the request that a signal at `now` makes; None where it repeats one."""
        if now - self._counted_at < REPEATED_WITHIN_S:
            return None
        self._counted_at = now
        self._number += 1
        return self._number
