"""Clock estimate: the database's clock, carried on from a reading by the uptime."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from app.uptime import read_uptime

_SET_BACK: Final = timedelta(seconds=10)
"""Longer than the response to a statement that reads the clock ever takes."""


class ClockEstimate:
    """The latest reading of the database's clock; any thread may use it.

    A caller that acts by the estimate compares it with the clock in its statement, and calls
    `forget` where they differ.
    """

    def __init__(self, *, uptime: Callable[[], float] = read_uptime) -> None:
        self._uptime = uptime
        self._known: tuple[datetime, float] | None = None

    def note(self, reading: datetime) -> None:
        """Record a reading whose response has just arrived.

        Each reading is late by the time that its response took. So a reading that is ahead of the
        estimate is better, and replaces it. So does one that is behind by more than any response
        takes, because then the clock was set back.
        """
        known, now = self._known, self._uptime()
        ahead = None if known is None else reading - _carried_on(known, now)
        if ahead is None or not -_SET_BACK <= ahead <= timedelta():
            self._known = reading, now

    def forget(self) -> None:
        """Drop the reading, because the clock has been set."""
        self._known = None

    def now(self) -> datetime | None:
        """The database's clock now; None before there was a reading."""
        known = self._known
        return None if known is None else _carried_on(known, self._uptime())


def _carried_on(known: tuple[datetime, float], now: float) -> datetime:
    reading, since = known
    return reading + timedelta(seconds=now - since)
