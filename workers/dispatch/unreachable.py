"""UnreachableApps: the destinations of each account that no call reaches, and their parked runs."""

from __future__ import annotations

from typing import Final

from app.domain.circuit_breaker import BlockReason
from workers.dispatch.destination import Destination
from workers.dispatch.leased_run import LeasedRun

_COUNT_VALID_S: Final = 1.0
"""For so long a count of parked runs is used: to count those of thousands of destinations for each
run that is parked would take too long."""


class UnreachableApps:
    """Used by the loop's thread alone."""

    def __init__(self) -> None:
        self._destinations: dict[int, set[Destination[LeasedRun]]] = {}
        self._counted: dict[int, tuple[float, int]] = {}

    def note(self, destination: Destination[LeasedRun]) -> None:
        """Note that the breaker of this destination has changed."""
        if destination.breaker.block_reason is BlockReason.AWAY:
            self._destinations.setdefault(destination.account_id, set()).add(destination)
        else:
            self.forget(destination)

    def forget(self, destination: Destination[LeasedRun]) -> None:
        """Remove a destination that can be reached, or that is no longer known."""
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
        """How many runs are parked for them, or are about to be; as of a second ago at most."""
        counted_at, parked = self._counted.get(account_id, (float("-inf"), 0))
        if now - counted_at < _COUNT_VALID_S:
            return parked
        parked = sum(each.parked + each.parking for each in self._destinations.get(account_id, ()))
        self._counted[account_id] = (now, parked)
        return parked
