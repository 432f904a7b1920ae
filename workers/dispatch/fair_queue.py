"""FairQueue: which run begins next, and how many calls each account may have in flight."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from app.domain.timings.claiming import ON_TIME_S
from workers.dispatch.leased_run import LeasedRun

SHARE_FACTOR: Final = 4
"""An account may use up to so many times what is left for all accounts: of slots, of memory."""

RESERVED_FRACTION: Final = Fraction(1, 20)
"""The part of all slots that only small accounts may use."""

SMALL_ACCOUNT: Final = 4
"""An account with fewer calls in flight is small."""


class AccountSlots:
    """The slots for calls of one worker. No account takes them all, however slow its receivers are.

    An account may have SHARE_FACTOR times as many calls in flight as there are slots left: one
    account alone gets four fifths of them, two get four ninths each, and a further account finds
    room at once. RESERVED_FRACTION of the slots is for small accounts, as several large ones may
    fill the rest one after the other.
    """

    def __init__(self, number: int) -> None:
        self._left = number
        self._reserved = int(number * RESERVED_FRACTION)
        self._in_flight: Counter[int] = Counter()

    def has(self, account_id: int) -> bool:
        """Whether this account may begin a call."""
        own = self._in_flight[account_id]
        left = self._left
        return own < SHARE_FACTOR * (left - self._reserved) or (own < SMALL_ACCOUNT and left > 0)

    def begin(self, account_id: int) -> None:
        """Take a slot for a call of this account."""
        self._left -= 1
        self._in_flight[account_id] += 1

    def end(self, account_id: int) -> None:
        """Free the slot of a call of this account."""
        self._left += 1
        self._in_flight[account_id] -= 1
        if not self._in_flight[account_id]:
            del self._in_flight[account_id]


class FairQueue:
    """Runs that are ready to begin: round robin over accounts, first in first out within one.

    However many runs of one account wait, and however long this process needs for them, the next
    run of another account begins after one of them.
    """

    def __init__(self, slots: AccountSlots) -> None:
        self._slots = slots
        self._waiting: OrderedDict[int, deque[LeasedRun]] = OrderedDict()

    def append(self, leased: LeasedRun) -> None:
        """Add a run behind all others of its account."""
        self._waiting.setdefault(leased.run.account_id, deque()).append(leased)

    def put_first(self, runs: Sequence[LeasedRun]) -> None:
        """Add runs ahead of all others, in this order."""
        for leased in reversed(runs):
            account_id = leased.run.account_id
            self._waiting.setdefault(account_id, deque()).appendleft(leased)
            self._waiting.move_to_end(account_id, last=False)

    def pop(self) -> LeasedRun | None:
        """Remove the first run of the next account that has a slot; None where there is none."""
        for account_id, runs in self._waiting.items():
            if self._slots.has(account_id):
                leased = runs.popleft()
                if runs:
                    self._waiting.move_to_end(account_id)
                else:
                    del self._waiting[account_id]
                return leased
        return None


class ReadyQueue:
    """Runs whose time has come: those that are on time before those that are overdue."""

    def __init__(self, slots: AccountSlots) -> None:
        self._on_time = FairQueue(slots)
        self._overdue = FairQueue(slots)
        self._popped_from = self._on_time

    def append(self, leased: LeasedRun, now: float) -> None:
        """Add a run."""
        queue = self._overdue if leased.lateness(now) > ON_TIME_S else self._on_time
        queue.append(leased)

    def pop(self) -> LeasedRun | None:
        """Remove the run that begins next; None where no account that has runs has a slot."""
        self._popped_from = self._on_time
        leased = self._on_time.pop()
        if leased is None:
            self._popped_from = self._overdue
            leased = self._overdue.pop()
        return leased

    def put_back(self, leased: LeasedRun) -> None:
        """Add the run that was popped last where it was: ahead of all others."""
        self._popped_from.put_first([leased])
