"""Notifications: the queue between schedulers and workers, which may lose, delay and repeat."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final
from uuid import UUID

from app.store.overdue import Slots
from tests.simulation.clock import SimulatedClock
from workers.notifier import OVERDUE

Ticket = tuple[UUID, int]


DELAY_S: Final = 0.15
"""How long a batch is on its way at most: so long that something may happen meanwhile."""


@dataclass(slots=True)
class Conditions:
    """How the queue treats batches: shares of batches, and seconds."""

    lost: float = 0.0
    repeated: float = 0.0
    delay: float = DELAY_S
    away: bool = False


class Notifications:
    """Batches on their way to some worker."""

    def __init__(self, clock: SimulatedClock, chance: random.Random) -> None:
        self.conditions = Conditions()
        self._clock = clock
        self._random = chance
        self._order = count()
        self._batches: list[tuple[float, int, str, tuple[Ticket, ...] | Slots]] = []

    def notify(self, name: str, tickets: Sequence[Ticket]) -> None:
        """Send a batch on its way, as the notifier does."""
        self._send(name, tuple(tickets))

    def offer(self, slots: Slots) -> bool:
        """Send an offer on its way, as the notifier does; False while the queue is away."""
        self._send(OVERDUE, slots)
        return not self.conditions.away

    def _send(self, name: str, batch: tuple[Ticket, ...] | Slots) -> None:
        conditions = self.conditions
        if conditions.away or self._random.random() < conditions.lost:
            return
        times = 2 if self._random.random() < conditions.repeated else 1
        for _ in range(times):
            at = self._clock.passed + self._random.uniform(0.0005, conditions.delay)
            heapq.heappush(self._batches, (at, next(self._order), name, batch))

    def flush(self) -> None:
        """Lose all that is on its way."""
        self._batches.clear()

    def next_at(self) -> float:
        """When the next batch arrives; infinity if none is on its way."""
        return self._batches[0][0] if self._batches else float("inf")

    def arrived(self) -> tuple[str, tuple[Ticket, ...] | Slots] | None:
        """The next batch that has arrived."""
        if self.next_at() > self._clock.passed:
            return None
        _, _, name, batch = heapq.heappop(self._batches)
        return name, batch
