"""Computing: requests that compute for long do so one at a time in each process."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final, Self

LONG_BYTES: Final = 8 * 1024
"""A longer document of jobs computes for several milliseconds."""

_LOCK: Final = threading.Lock()
"""The interpreter runs one thread at a time. Beside one thread that computes, another thread waits
for some milliseconds until it has answered a short request, beside four for a quarter of a second:
it waits for all of them after each of its waits for the network. Together, the four are not faster.
"""


class Turn:
    """The turn of a request that computes, as a context; it ends early before waiting for others.

    Only the thread that entered it may end it.
    """

    def __init__(self, *, is_long: bool) -> None:
        self._is_held = False
        self._is_long = is_long

    def __enter__(self) -> Self:
        if self._is_long:
            _LOCK.acquire()
            self._is_held = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Let the next request compute; calls after the first have no effect."""
        if self._is_held:
            self._is_held = False
            _LOCK.release()
