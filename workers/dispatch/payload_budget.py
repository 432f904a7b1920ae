"""Payloads: the long bodies that this worker has in memory for its calls, within a budget."""

from __future__ import annotations

from collections import Counter, deque
from queue import SimpleQueue
from typing import Final

from workers.dispatch.leased_run import LeasedRun

SHARE_FACTOR: Final = 4


class PayloadBudget:
    """Bytes for the payloads that takes leave behind; in the loop's thread, but for `orders`.

    Nothing is loaded for which there is no room. As with slots, an account may have four times as
    many bytes as are left, and whoever has none finds room first: no account takes all the room,
    and no payload waits for ever. Half of the budget may go to payloads whose turn is still to
    come, so that they are here in time; they make way for those whose turn it is, without which two
    runs might wait for each other, one with a slot and one with room.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._firm = 0
        self._own: Counter[int] = Counter()
        self._ahead: dict[LeasedRun, None] = {}
        self._early = 0
        self._waiting: dict[int, deque[LeasedRun]] = {}
        self.orders: SimpleQueue[LeasedRun] = SimpleQueue()
        """Runs whose payloads are to be loaded; one that is not `counted` any more need not be."""

    @property
    def in_memory(self) -> int:
        """Bytes that are here or on their way."""
        return self._firm + self._early

    def get_ahead(self, leased: LeasedRun) -> None:
        """Have its payload loaded before its turn, if nobody else needs the room."""
        size = leased.run.size
        early = self._early + size
        left = self._budget - self._firm - early
        fits = early <= self._budget // 2 and (
            self._own[leased.run.account_id] + early <= SHARE_FACTOR * left
        )
        if size and fits and not self._waiting:
            self._ahead[leased] = None
            self._early = early
            self._order(leased)

    def ready(self, leased: LeasedRun) -> bool:
        """Its turn has come, and it is `awaiting` its payload from now on; whether that is here."""
        leased.awaiting_payload = True
        if leased in self._ahead:
            del self._ahead[leased]
            self._early -= leased.run.size
            self._count(leased)
        elif not leased.payload_reserved:
            self._waiting.setdefault(leased.run.account_id, deque()).append(leased)
            self._serve()
        return leased.body is not None

    def arrived(self, leased: LeasedRun, body: bytes) -> bool:
        """Its payload was loaded; False where it has it already, or has given up its room."""
        if not leased.payload_reserved or leased.body is not None:
            return False
        leased.body = body
        return True

    def drop(self, leased: LeasedRun) -> None:
        """Let go of its payload, and of the room for it."""
        leased.body = None
        if not leased.payload_reserved:
            return
        leased.payload_reserved = False
        account_id, size = leased.run.account_id, leased.run.size
        if leased in self._ahead:
            del self._ahead[leased]
            self._early -= size
        else:
            self._firm -= size
            self._own[account_id] -= size
            if not self._own[account_id]:
                del self._own[account_id]
        self._serve()

    def _fits(self, leased: LeasedRun) -> bool:
        size, own = leased.run.size, self._own[leased.run.account_id]
        left = self._budget - self._firm
        if not own:
            # More than the whole budget goes alone.
            return size <= left or not self._firm
        return own + size <= SHARE_FACTOR * (left - size)

    def _serve(self) -> None:
        """Load what waits, as far as there is room, one account after the other."""
        for account_id, waiting in list(self._waiting.items()):
            while waiting and self._fits(waiting[0]):
                leased = waiting.popleft()
                self._count(leased)
                self._order(leased)
            if not waiting:
                del self._waiting[account_id]
            elif not self._own[account_id]:
                # What becomes free is kept for it: smaller ones would take it, time and again.
                return

    def _count(self, leased: LeasedRun) -> None:
        """Room for one whose turn it is, before all those that are early."""
        size = leased.run.size
        self._firm += size
        self._own[leased.run.account_id] += size
        while self._ahead and self._firm + self._early > self._budget:
            early, _ = self._ahead.popitem()
            self._early -= early.run.size
            early.payload_reserved, early.body = False, None

    def _order(self, leased: LeasedRun) -> None:
        leased.payload_reserved = True
        self.orders.put(leased)
