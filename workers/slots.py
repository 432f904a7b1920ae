"""Slots: the calls a worker may have under way at once, and whose turn is next for one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from workers.held import Held

_OF_WHAT_IS_LEFT: Final = 4
_KEPT: Final = 20
_FEW: Final = 4


class Slots:
    """No account takes them all, however many receivers of its own keep their calls waiting.

    An account may have four times as many calls under way as there are slots left: one alone gets
    four fifths, two get four ninths each, and a newcomer finds room at once. The last twentieth is
    for accounts with fewer than four, as several may fill the rest one after the other.
    """

    def __init__(self, number: int) -> None:
        self._left = number
        self._kept = number // _KEPT
        self._under_way: Counter[int] = Counter()

    def has(self, account_id: int) -> bool:
        """Whether this account may begin a call."""
        own = self._under_way[account_id]
        left = self._left
        return own < _OF_WHAT_IS_LEFT * (left - self._kept) or (own < _FEW and left > 0)

    def begin(self, account_id: int) -> None:
        """A call begins."""
        self._left -= 1
        self._under_way[account_id] += 1

    def end(self, account_id: int) -> None:
        """A call has ended."""
        self._left += 1
        self._under_way[account_id] -= 1
        if not self._under_way[account_id]:
            del self._under_way[account_id]


class Line:
    """Runs that wait for a slot, first come, first served; none holds up another account's."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._ready: deque[Held] = deque()
        self._aside: dict[int, deque[Held]] = {}

    def append(self, held: Held) -> None:
        """Behind all others."""
        self._ready.append(held)

    def put_first(self, runs: Sequence[Held]) -> None:
        """Ahead of all others, in this order."""
        for held in reversed(runs):
            self._aside.setdefault(held.run.account_id, deque()).appendleft(held)

    def pop(self) -> Held | None:
        """The first run whose account has a slot, or None where there is none."""
        for account_id, waiting in self._aside.items():
            if self._slots.has(account_id):
                held = waiting.popleft()
                if not waiting:
                    del self._aside[account_id]
                return held
        while self._ready:
            held = self._ready.popleft()
            account_id = held.run.account_id
            if self._slots.has(account_id):
                return held
            self._aside.setdefault(account_id, deque()).append(held)
        return None
