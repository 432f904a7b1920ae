"""Slots: the calls a worker may have under way at once, and whose turn is next for one."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from typing import Final

from workers.dispatch.leased_run import LeasedRun

SHARE_FACTOR: Final = 4
RESERVED_FRACTION: Final = 20
SMALL_ACCOUNT: Final = 4


class AccountSlots:
    """No account takes them all, however many receivers of its own keep their calls waiting.

    An account may have four times as many calls under way as there are slots left: one alone gets
    four fifths, two get four ninths each, and a newcomer finds room at once. The last twentieth is
    for accounts with fewer than four, as several may fill the rest one after the other.
    """

    def __init__(self, number: int) -> None:
        self._left = number
        self._reserved = number // RESERVED_FRACTION
        self._in_flight: Counter[int] = Counter()

    def has(self, account_id: int) -> bool:
        """Whether this account may begin a call."""
        own = self._in_flight[account_id]
        left = self._left
        return own < SHARE_FACTOR * (left - self._reserved) or (own < SMALL_ACCOUNT and left > 0)

    def begin(self, account_id: int) -> None:
        """A call begins."""
        self._left -= 1
        self._in_flight[account_id] += 1

    def end(self, account_id: int) -> None:
        """A call has ended."""
        self._left += 1
        self._in_flight[account_id] -= 1
        if not self._in_flight[account_id]:
            del self._in_flight[account_id]


class FairQueue:
    """Runs that wait to begin: accounts in turns, those of one account first come, first served.

    However many runs of one account wait, and however long this process takes for them, the next
    run of another account begins after one of them.
    """

    def __init__(self, slots: AccountSlots) -> None:
        self._slots = slots
        self._waiting: OrderedDict[int, deque[LeasedRun]] = OrderedDict()

    def append(self, leased: LeasedRun) -> None:
        """Behind all others of its account."""
        self._waiting.setdefault(leased.run.account_id, deque()).append(leased)

    def put_first(self, runs: Sequence[LeasedRun]) -> None:
        """Ahead of all others, in this order."""
        for leased in reversed(runs):
            account_id = leased.run.account_id
            self._waiting.setdefault(account_id, deque()).appendleft(leased)
            self._waiting.move_to_end(account_id, last=False)

    def pop(self) -> LeasedRun | None:
        """The first run of the next account that has a slot, or None where there is none."""
        for account_id, runs in self._waiting.items():
            if self._slots.has(account_id):
                leased = runs.popleft()
                if runs:
                    self._waiting.move_to_end(account_id)
                else:
                    del self._waiting[account_id]
                return leased
        return None
