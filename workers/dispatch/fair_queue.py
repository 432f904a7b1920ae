"""Slots: the calls a worker may have under way at once, and whose turn is next for one."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from typing import Final

from workers.dispatch.leased_run import Held

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
    """Runs that wait to begin: accounts in turns, those of one account first come, first served.

    However many runs of one account wait, and however long this process takes for them, the next
    run of another account begins after one of them.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._waiting: OrderedDict[int, deque[Held]] = OrderedDict()

    def append(self, held: Held) -> None:
        """Behind all others of its account."""
        self._waiting.setdefault(held.run.account_id, deque()).append(held)

    def put_first(self, runs: Sequence[Held]) -> None:
        """Ahead of all others, in this order."""
        for held in reversed(runs):
            account_id = held.run.account_id
            self._waiting.setdefault(account_id, deque()).appendleft(held)
            self._waiting.move_to_end(account_id, last=False)

    def pop(self) -> Held | None:
        """The first run of the next account that has a slot, or None where there is none."""
        for account_id, runs in self._waiting.items():
            if self._slots.has(account_id):
                held = runs.popleft()
                if runs:
                    self._waiting.move_to_end(account_id)
                else:
                    del self._waiting[account_id]
                return held
        return None
