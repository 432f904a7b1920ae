"""Overdue offers: a scheduler leaves a backlog to the workers, which claim and take in one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import psycopg

from app.domain.firing_rate import FiringLimits
from app.domain.timings.claiming import (
    CLAIM_BESIDE_OFFERS_S,
    CLAIM_BUDGET,
    CLAIMED_BESIDE_OFFERS,
    MIN_CLAIM,
    OFFER_FROM,
)
from app.store import overdue
from app.store.overdue import Slots


class OverdueOffers:
    """Decides whether a scheduler claims next, or offers what is overdue; used by its thread.

    It offers once a claim found all that it may claim, and as long as many of the earliest rows are
    such that a worker may begin them by itself. Now and then it claims all the same.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._has_more = False
        self._is_offering = False
        self._claims_at = 0.0

    @property
    def most(self) -> int:
        """How many rows the next claim reads at most."""
        return CLAIMED_BESIDE_OFFERS if self._is_offering else CLAIM_BUDGET

    def claimed(self, *, has_more: bool) -> None:
        """Note that the scheduler has claimed, and whether there may be more to claim."""
        self._has_more = has_more
        self._is_offering = self._is_offering and has_more
        self._claims_at = self._clock() + CLAIM_BESIDE_OFFERS_S

    def next(
        self,
        connection: psycopg.Connection,
        limits: FiringLimits,
        *,
        lookback: float,
        until: datetime,
    ) -> Slots | None:
        """The slots to offer; None where the scheduler is to claim. Raises psycopg.Error."""
        if not self._has_more or self._clock() >= self._claims_at:
            return None
        found = overdue.find(
            connection, lookback=lookback, until=until, most=MIN_CLAIM, counted=limits.of
        )
        self._is_offering = found.plain >= OFFER_FROM
        return found.slots if self._is_offering else None

    def refused(self) -> None:
        """Note that the offer reached no worker, so that the scheduler has to claim."""
        self._is_offering = False
