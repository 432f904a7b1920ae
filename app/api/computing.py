"""Computing: requests that compute for long do so one at a time in each process."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from types import TracebackType
from typing import Final, Self

LONG_BYTES: Final = 8 * 1024
"""A longer document of jobs computes for several milliseconds."""


class OneAtATime:
    """What one thread holds at a time. Whose threads wait for it get it in turn."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._is_held = False
        self._waiting: OrderedDict[Hashable, deque[threading.Lock]] = OrderedDict()

    def acquire(self, owner: Hashable) -> None:
        """Wait until it is the turn of a thread of this owner."""
        with self._mutex:
            if not self._is_held:
                self._is_held = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.setdefault(owner, deque()).append(turn)
        turn.acquire()

    def release(self) -> None:
        """Hand it to the thread that has waited longest of the owner whose turn it is."""
        with self._mutex:
            if not self._waiting:
                self._is_held = False
                return
            owner, turns = next(iter(self._waiting.items()))
            turn = turns.popleft()
            if turns:
                self._waiting.move_to_end(owner)
            else:
                del self._waiting[owner]
        turn.release()

    def number_waiting(self) -> int:
        """How many threads wait."""
        with self._mutex:
            return sum(map(len, self._waiting.values()))


_COMPUTING: Final = OneAtATime()
"""The interpreter runs one thread at a time. Beside one thread that computes, another thread waits
for some milliseconds until it has answered a short request, beside four for a quarter of a second:
it waits for all of them after each of its waits for the network. Together, the four are not faster.
"""


class Turn:
    """The turn of a request that computes, as a context; it ends early before waiting for others.

    Owners take turns, so that a request waits for one of each other account. It is a turn `among`
    requests of one kind. Only the thread that entered it may end it.
    """

    def __init__(
        self, *, is_long: bool, owner: Hashable = None, among: OneAtATime = _COMPUTING
    ) -> None:
        self._is_held = False
        self._among = among
        self._is_long = is_long
        self._owner = owner

    def __enter__(self) -> Self:
        if self._is_long:
            self._among.acquire(self._owner)
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
            self._among.release()
