"""Shared budget: a scarce amount that accounts share, of which none takes the last part."""

from __future__ import annotations

import threading
from collections.abc import Hashable


class SharedBudget:
    """An amount that is taken and given back, by owner; safe to use from several threads.

    An owner may hold as much as is left for the others: half of all where it is alone, a quarter
    where another owner holds half, and so on. So a newcomer finds something left.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._held: dict[Hashable, int] = {}
        self._lock = threading.Lock()

    def acquire(self, owner: Hashable, amount: int = 1) -> bool:
        """Whether the owner may hold so much more; if so, it does from now on."""
        with self._lock:
            if self._held.get(owner, 0) + amount > self._free:
                return False
            self._add(owner, amount)
            return True

    def add(self, owner: Hashable, amount: int) -> None:
        """Count what the owner holds anyway."""
        with self._lock:
            self._add(owner, amount)

    def release(self, owner: Hashable, amount: int = 1) -> None:
        """Count that the owner no longer holds so much."""
        with self._lock:
            self._free += amount
            left = self._held[owner] - amount
            if left:
                self._held[owner] = left
            else:
                del self._held[owner]

    def held(self, owner: Hashable) -> int:
        """How much the owner holds."""
        return self._held.get(owner, 0)

    def exhausted(self, owner: Hashable) -> bool:
        """Whether the owner holds something, and at least as much as is left for the others."""
        return (held := self._held.get(owner, 0)) > 0 and held >= self._free

    def _add(self, owner: Hashable, amount: int) -> None:
        self._free -= amount
        self._held[owner] = self._held.get(owner, 0) + amount
