"""Clock estimate: the database's clock, carried on from a reading by the uptime."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from app.uptime import read_uptime


class ClockEstimate:
    """The latest reading of the database's clock; any thread may use it.

    Whoever acts by the estimate has its statement compare it with the clock itself, and calls
    `forget` where they differ.
    """

    def __init__(self, *, uptime: Callable[[], float] = read_uptime) -> None:
        self._uptime = uptime
        self._known: tuple[datetime, float] | None = None

    def note(self, reading: datetime) -> None:
        """Take a reading that has just come back.

        The time on its way makes the estimate late, so a reading counts if it is ahead of that.
        """
        known, now = self._known, self._uptime()
        if known is None or reading > _carried_on(known, now):
            self._known = reading, now

    def forget(self) -> None:
        """Drop what is known, as the clock has been set."""
        self._known = None

    def now(self) -> datetime | None:
        """The database's clock now; None before there was a reading."""
        known = self._known
        return None if known is None else _carried_on(known, self._uptime())


def _carried_on(known: tuple[datetime, float], now: float) -> datetime:
    reading, since = known
    return reading + timedelta(seconds=now - since)
