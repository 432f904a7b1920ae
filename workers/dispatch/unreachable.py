"""Unreachable: for each account, the destinations that no call reaches, and the runs they hold."""

from __future__ import annotations

from typing import Final

from app.domain.circuit_breaker import BlockReason
from workers.dispatch.destination import Destination

_COUNTED_FOR_S: Final = 1.0
"""Counting the runs of thousands of destinations for each run given back would take too long."""


class Unreachable:
    """Used by the loop's thread alone."""

    def __init__(self) -> None:
        self._destinations: dict[int, set[Destination]] = {}
        self._counted: dict[int, tuple[float, int]] = {}

    def note(self, destination: Destination) -> None:
        """The brake of this destination was set anew."""
        if destination.breaker.block_reason is BlockReason.AWAY:
            self._destinations.setdefault(destination.account_id, set()).add(destination)
        else:
            self.forget(destination)

    def forget(self, destination: Destination) -> None:
        """The destination can be reached, or nothing is known of it any more."""
        destinations = self._destinations.get(destination.account_id)
        if destinations is None:
            return
        destinations.discard(destination)
        if not destinations:
            del self._destinations[destination.account_id]
            self._counted.pop(destination.account_id, None)

    def number(self, account_id: int) -> int:
        """How many destinations of the account cannot be reached."""
        return len(self._destinations.get(account_id, ()))

    def parked(self, account_id: int, now: float) -> int:
        """How many runs wait for them, as of a second ago at most."""
        counted_at, parked = self._counted.get(account_id, (float("-inf"), 0))
        if now - counted_at < _COUNTED_FOR_S:
            return parked
        parked = sum(each.parked + each.parking for each in self._destinations.get(account_id, ()))
        self._counted[account_id] = (now, parked)
        return parked
