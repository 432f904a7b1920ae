"""Payloads: the long bodies that this worker has in memory for its calls, within a budget."""

from __future__ import annotations

from collections import Counter, deque
from queue import SimpleQueue
from typing import Final

from workers.dispatch.leased_run import Held

_OF_WHAT_IS_LEFT: Final = 4


class Payloads:
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
        self._ahead: dict[Held, None] = {}
        self._early = 0
        self._waiting: dict[int, deque[Held]] = {}
        self.orders: SimpleQueue[Held] = SimpleQueue()
        """Runs whose payloads are to be loaded; one that is not `counted` any more need not be."""

    @property
    def in_memory(self) -> int:
        """Bytes that are here or on their way."""
        return self._firm + self._early

    def get_ahead(self, held: Held) -> None:
        """Have its payload loaded before its turn, if nobody else needs the room."""
        size = held.run.size
        early = self._early + size
        left = self._budget - self._firm - early
        fits = early <= self._budget // 2 and (
            self._own[held.run.account_id] + early <= _OF_WHAT_IS_LEFT * left
        )
        if size and fits and not self._waiting:
            self._ahead[held] = None
            self._early = early
            self._order(held)

    def ready(self, held: Held) -> bool:
        """Its turn has come, and it is `awaiting` its payload from now on; whether that is here."""
        held.awaiting = True
        if held in self._ahead:
            del self._ahead[held]
            self._early -= held.run.size
            self._count(held)
        elif not held.counted:
            self._waiting.setdefault(held.run.account_id, deque()).append(held)
            self._serve()
        return held.body is not None

    def arrived(self, held: Held, body: bytes) -> bool:
        """Its payload was loaded; False where it has it already, or has given up its room."""
        if not held.counted or held.body is not None:
            return False
        held.body = body
        return True

    def drop(self, held: Held) -> None:
        """Let go of its payload, and of the room for it."""
        held.body = None
        if not held.counted:
            return
        held.counted = False
        account_id, size = held.run.account_id, held.run.size
        if held in self._ahead:
            del self._ahead[held]
            self._early -= size
        else:
            self._firm -= size
            self._own[account_id] -= size
            if not self._own[account_id]:
                del self._own[account_id]
        self._serve()

    def _fits(self, held: Held) -> bool:
        size, own = held.run.size, self._own[held.run.account_id]
        left = self._budget - self._firm
        if not own:
            # More than the whole budget goes alone.
            return size <= left or not self._firm
        return own + size <= _OF_WHAT_IS_LEFT * (left - size)

    def _serve(self) -> None:
        """Load what waits, as far as there is room, one account after the other."""
        for account_id, waiting in list(self._waiting.items()):
            while waiting and self._fits(waiting[0]):
                held = waiting.popleft()
                self._count(held)
                self._order(held)
            if not waiting:
                del self._waiting[account_id]
            elif not self._own[account_id]:
                # What becomes free is kept for it: smaller ones would take it, time and again.
                return

    def _count(self, held: Held) -> None:
        """Room for one whose turn it is, before all those that are early."""
        size = held.run.size
        self._firm += size
        self._own[held.run.account_id] += size
        while self._ahead and self._firm + self._early > self._budget:
            early, _ = self._ahead.popitem()
            self._early -= early.run.size
            early.counted, early.body = False, None

    def _order(self, held: Held) -> None:
        held.counted = True
        self.orders.put(held)
