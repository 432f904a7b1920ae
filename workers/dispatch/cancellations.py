"""Cancellations: the latest polls for cancelled runs, and whether they allow a call to begin."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Final, NamedTuple
from uuid import UUID

from app.domain.timings.leases import (
    CANCELLATIONS_VALID_FOR,
    CLOCK_DRIFT_PER_S,
    MAX_CLOCK_GAP_S,
    OFFSET_VALID_S,
)
from app.log import logger
from workers.dispatch.leased_run import LeasedRun

_VALID_S: Final = CANCELLATIONS_VALID_FOR.total_seconds()


class CancellationSnapshot(NamedTuple):
    """The answer to one poll."""

    sent_at: float
    """When the poll was sent, on the monotonic clock."""
    offset: float
    """The monotonic clock at the answer, less the database's clock, which was read before. An
    instant of that clock plus the offset is late by the way back of the answer, and never early."""
    withdrawn: Mapping[UUID, int]
    """Cancelled runs, each with the highest token of a holder that may not call it."""
    suspended: frozenset[int] = frozenset()
    """Accounts of which no call begins."""
    took: float = 0.0
    """Seconds from the poll to its answer."""


class Cancellations:
    """The latest snapshot, and the offsets of those before it; used in the loop's thread.

    A machine that was suspended or moved goes on as if no time had passed: its leases seem to last,
    and its latest snapshot seems new. The gap shows as soon as another clock is read. From then on
    (`doubted_at`) no earlier poll or lease counts: each lease must be renewed before a call.
    """

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._clock = clock
        self._wall = wall
        self._wall_offset = wall() - clock()
        self._sent_at = -inf
        self._least_offset = inf
        self._offsets: deque[tuple[float, float]] = deque()
        self.doubted_at = -inf
        self.withdrawn: Mapping[UUID, int] = {}
        self.suspended: frozenset[int] = frozenset()

    def update(self, snapshot: CancellationSnapshot) -> None:
        """Store the snapshot, and see whether the database's clock has moved."""
        self.withdrawn = snapshot.withdrawn
        self.suspended = snapshot.suspended
        gap = self._least_offset - snapshot.offset
        drift = max(0.0, snapshot.sent_at - self._sent_at) * CLOCK_DRIFT_PER_S
        self._sent_at = max(self._sent_at, snapshot.sent_at)
        if MAX_CLOCK_GAP_S + drift < gap < inf:
            self._offsets.clear()
            self._doubt("database", gap)
        self._least_offset = snapshot.offset - snapshot.took
        # Offsets ascend: one that is not the smallest, and expires first, is never the smallest.
        while self._offsets and self._offsets[-1][1] >= snapshot.offset:
            self._offsets.pop()
        self._offsets.append((snapshot.sent_at, snapshot.offset))

    def confirms(self, now: float, leased: LeasedRun) -> bool:
        """Whether a poll, or the take of the run, is recent enough for its call to begin now."""
        wall_offset = self._wall() - now
        gap = wall_offset - self._wall_offset
        if abs(gap) > MAX_CLOCK_GAP_S:
            self._doubt("machine", gap)
        self._wall_offset = wall_offset
        sent_at = max(self._sent_at, leased.confirmed_at)
        return min(sent_at, leased.leased_at) > self.doubted_at and now - sent_at <= _VALID_S

    def mark(self, runs: Sequence[LeasedRun]) -> None:
        """Mark the runs that are cancelled. Calls in flight go on; the others must not begin."""
        if self.withdrawn:
            for leased in runs:
                leased.withdrawn = leased.withdrawn or leased.is_withdrawn_by(self.withdrawn)

    def _doubt(self, clock: str, gap: float) -> None:
        self.doubted_at = self._clock()
        logger.warning("clock.stepped", clock=clock, seconds=round(gap, 3))

    def stops(self, account_id: int) -> bool:
        """Whether no call of this account begins, as it is suspended."""
        return account_id in self.suspended

    def offset(self, now: float) -> float | None:
        """The smallest offset within OFFSET_VALID_S: its answer took the shortest way."""
        while self._offsets and now - self._offsets[0][0] > OFFSET_VALID_S:
            self._offsets.popleft()
        return self._offsets[0][1] if self._offsets else None
