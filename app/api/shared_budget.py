"""Shared budget: an amount that owners share, of which no owner can take the last part."""

from __future__ import annotations

import threading
from collections.abc import Hashable


class SharedBudget:
    """An amount that owners acquire and release; may be used from several threads.

    An owner may acquire at most as much as it leaves free: half of the total if it is alone, a
    quarter if another owner has half, and so on. So a new owner always finds a part free.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._free = total
        self._held: dict[Hashable, int] = {}
        self._lock = threading.Lock()

    def acquire(self, owner: Hashable, amount: int = 1) -> bool:
        """Acquire an amount for the owner; return False, without effect, if it is too much."""
        with self._lock:
            if self._held.get(owner, 0) + amount > self._free:
                return False
            self._add(owner, amount)
            return True

    def add(self, owner: Hashable, amount: int) -> None:
        """Count an amount that the owner has regardless of the limit."""
        with self._lock:
            self._add(owner, amount)

    def release(self, owner: Hashable, amount: int = 1) -> None:
        """Give back an amount of the owner."""
        with self._lock:
            self._free += amount
            left = self._held[owner] - amount
            if left:
                self._held[owner] = left
            else:
                del self._held[owner]

    def held(self, owner: Hashable) -> int:
        """Return the amount that the owner has."""
        return self._held.get(owner, 0)

    def exhausted(self, owner: Hashable) -> bool:
        """Whether the owner has an amount above 0 that is at least the free amount."""
        return (held := self._held.get(owner, 0)) > 0 and held >= self._free

    def _add(self, owner: Hashable, amount: int) -> None:
        self._free -= amount
        self._held[owner] = self._held.get(owner, 0) + amount


class SeparateBudgets:
    """Two budgets: accounts share one, and networks the other, for clients without a known key.

    One client can have hundreds of networks. Of a budget that is one for all, so many would leave
    accounts next to nothing. An owner is the id of an account, or the text of a network.
    """

    def __init__(self, *, accounts: int, networks: int) -> None:
        self._accounts = SharedBudget(accounts)
        self._networks = SharedBudget(networks)

    def acquire(self, owner: int | str, amount: int = 1) -> bool:
        """As `SharedBudget.acquire`, in the owner's budget."""
        return self._of(owner).acquire(owner, amount)

    def add(self, owner: int | str, amount: int) -> None:
        """As `SharedBudget.add`, in the owner's budget."""
        self._of(owner).add(owner, amount)

    def release(self, owner: int | str, amount: int = 1) -> None:
        """As `SharedBudget.release`, in the owner's budget."""
        self._of(owner).release(owner, amount)

    def held(self, owner: int | str) -> int:
        """As `SharedBudget.held`, in the owner's budget."""
        return self._of(owner).held(owner)

    def exhausted(self, owner: int | str) -> bool:
        """As `SharedBudget.exhausted`, in the owner's budget."""
        return self._of(owner).exhausted(owner)

    def _of(self, owner: int | str) -> SharedBudget:
        return self._networks if isinstance(owner, str) else self._accounts
