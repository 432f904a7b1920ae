"""Destination report: what a worker writes with its heartbeat of the calls that wait in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nlargest
from typing import Any, Final

from app.domain.circuit_breaker import CLOSED, BlockReason
from app.domain.waiting_report import HALF_OPEN, MAX_REPORTED
from workers.dispatch.destination import Destination

_PER_S: Final = 2000
"""Destinations of which a second may be spent on looking through: that keeps the interpreter busy
for a millisecond, in which the loop's thread makes no call."""


class DestinationReport:
    """The latest report. The settler's thread reads while the loop's thread changes things.

    `destinations` returns a copy of those that are known.
    """

    def __init__(
        self, destinations: Callable[[], list[Destination[Any]]], clock: Callable[[], float]
    ) -> None:
        self._destinations = destinations
        self._clock = clock
        self._again_at = float("-inf")
        self._report: list[list[Any]] = []

    def report(self) -> list[list[Any]]:
        """Return the report as it is stored; read afresh if it is time."""
        now = self._clock()
        if now >= self._again_at:
            known = self._destinations()
            self._again_at = now + len(known) / _PER_S
            self._report = report_of(known, now)
        return self._report


def report_of(destinations: Iterable[Destination[Any]], now: float) -> list[list[Any]]:
    """Return, of each destination that is held back: account, key, state, calls, seconds.

    The calls are those under way and those that wait; the seconds, from `now` until the next probe,
    are None if calls are not stopped altogether. At most MAX_REPORTED destinations are reported.
    """
    held = [row for each in destinations if (row := _row(each, now)) is not None]
    return nlargest(MAX_REPORTED, held, key=lambda row: row[4])


def _row(destination: Destination[Any], now: float) -> list[Any] | None:
    breaker = destination.breaker
    waiting = len(destination.waiting) + destination.parking + destination.parked
    if breaker is CLOSED and not waiting:
        return None
    seconds = None
    if breaker.block_reason is not None:
        state, seconds = str(breaker.block_reason), round(max(breaker.until - now, 0.0), 1)
    elif breaker is not CLOSED and breaker.allowed is not None:
        state = HALF_OPEN
    elif waiting:
        state = str(BlockReason.FULL)
    else:
        return None
    return [
        destination.account_id,
        destination.key,
        state,
        destination.in_flight,
        waiting,
        seconds,
    ]
