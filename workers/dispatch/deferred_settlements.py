"""Deferred settlements: what cannot be settled just now, and when each is tried again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from app.domain.timings.settling import (
    LOCKED_RETRY_S,
    MAX_DOUBLINGS,
    MAX_LOCKED_RETRIED,
    MAX_SINGLE_STATEMENT_S,
    SINGLE_STATEMENT_S,
    pause_after_failures,
)
from app.store.settling import Settlement
from app.store.single_settling import Busy
from workers.dispatch.leased_run import LeasedRun


class Deferred(NamedTuple):
    """Settlements to be tried again together; each statement of one may take `within` seconds.

    `tries` counts the tries after the first.
    """

    batch: Sequence[tuple[LeasedRun, Settlement]]
    within: float = SINGLE_STATEMENT_S
    tries: int = 0


class DeferredSettlements:
    """The settlements that one thread could not write; times are seconds of the monotonic clock.

    Those whose rows are locked are tried again soon, all together: they skip locked rows, so that
    nothing waits. One whose statement failed is tried by itself, with more time and after a longer
    pause at each failure, so that the time it takes from the others is bounded.
    """

    def __init__(self) -> None:
        self._locked: dict[LeasedRun, Settlement] = {}
        self._locked_at = float("-inf")
        self._failed: dict[LeasedRun, tuple[float, Deferred]] = {}

    def __len__(self) -> int:
        return len(self._locked) + len(self._failed)

    def put(self, busy: Sequence[tuple[LeasedRun, Busy]], now: float, *, tries: int = 0) -> None:
        """Defer these at `now`."""
        for leased, (settlement, error) in busy:
            if error is None:
                self._locked[leased] = settlement
            else:
                doubled = 2 ** min(tries, MAX_DOUBLINGS)
                within = min(2 * SINGLE_STATEMENT_S * doubled, MAX_SINGLE_STATEMENT_S)
                at = now + pause_after_failures(tries)
                self._failed[leased] = at, Deferred(((leased, settlement),), within, tries)

    def due(self, now: float) -> list[Deferred]:
        """What is to be tried at `now`: many that were locked, together, and one that failed."""
        found = []
        if self._locked and now >= self._locked_at:
            found.append(Deferred(tuple(islice(self._locked.items(), MAX_LOCKED_RETRIED))))
        found += islice((deferred for at, deferred in self._failed.values() if at <= now), 1)
        return found

    def take(self, deferred: Deferred, now: float) -> None:
        """Remove these, which were tried at `now`."""
        for leased, _ in deferred.batch:
            if self._failed.pop(leased, None) is None:
                del self._locked[leased]
                self._locked_at = now + LOCKED_RETRY_S
