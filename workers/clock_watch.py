"""Clock watch: follows the database's clock for a scheduler, and logs every step of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import psycopg

from app.domain.database_clock import Change, DatabaseClock, Reading
from app.log import logger
from app.store.clock_steps import read_epoch
from app.uptime import read_uptime

DOUBT_S: Final = 300.0
"""For how long a clock that leapt forward is not believed, unless WAKECALL_CLOCK_DOUBT differs."""


class ClockWatch:
    """The database's clock as one scheduler follows it (app/domain/database_clock.py).

    Only the scheduler's thread calls `observe`, once a tick; other threads read what it found.
    """

    def __init__(
        self,
        *,
        doubt_s: float = DOUBT_S,
        clock: Callable[[], float] = read_uptime,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._database = DatabaseClock(doubt_s)
        self._stepped_at = clock()
        self.steps_back: list[float] = []
        """By how many seconds the clock was set back each time; for ClockRepairs."""

    @property
    def doubt(self) -> float:
        """By how many seconds the clock is ahead of the time that is believed."""
        return self._database.doubt

    @property
    def steady_for(self) -> float:
        """For how many seconds this process has seen no step of the clock."""
        return self._clock() - self._stepped_at

    def until(self) -> datetime:
        """The latest instant that is believed to have come: nothing due later may be claimed."""
        return datetime.fromtimestamp(self._database.until(self._clock()), UTC)

    def observe(self, connection: psycopg.Connection) -> Change:
        """Read the clock, log a step, and return what changed."""
        sent_at = self._clock()
        reading = read_epoch(connection)
        answered = self._clock()
        change = self._database.observe(Reading(reading, sent_at, answered, self._wall()))
        if change.step:
            self._stepped_at = answered
            logger.warning(
                "database.clock_stepped",
                seconds=round(change.step, 3),
                believed=not self._database.doubt,
            )
        elif change.believed:
            logger.warning("database.clock_believed", seconds=round(change.believed, 3))
        if change.step < 0:
            self.was_set_back(-change.step)
        return change

    def was_set_back(self, step: float) -> None:
        """Record a step back: times that were written before it may lie `step` seconds ahead."""
        self.steps_back.append(step)
