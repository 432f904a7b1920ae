"""Clock repairs: a thread that corrects rows once the database's clock was set back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import psycopg

from app.domain import counters
from app.log import describe_error, logger
from app.store.clock_steps import bring_back, bring_back_outcomes, rearm_ahead
from app.store.connection import ReconnectingConnection
from app.store.counters import add_counters
from app.uptime import read_uptime
from workers.clock_watch import ClockWatch
from workers.loop_thread import LoopThread
from workers.maintenance import log_unreadable

_PAUSE_S: Final = 0.2

_AGAIN_S: Final = (1.0, 5.0, 15.0, 35.0, 75.0)
"""Seconds after a repair at which what was written since is brought back: the outcome of a call
that was under way counts from the clock as it was when the call began, which may be 60 s ago."""


class ClockRepairs(LoopThread):
    """Corrects times that a clock wrote that was ahead; in a thread, so that no claim waits.

    The thread has a connection only while it repairs.
    """

    def __init__(
        self,
        database: ReconnectingConnection,
        clock_watch: ClockWatch,
        *,
        clock: Callable[[], float] = read_uptime,
    ) -> None:
        super().__init__("clock", interval=_PAUSE_S)
        self._database = database
        self._clock_watch = clock_watch
        self._clock = clock
        self._again_at: list[float] = []

    def run_once(self) -> None:
        """Repair after every step back that was not repaired yet."""
        # The scheduler may append a further step during the repair; the next turn repairs it.
        steps_back = tuple(self._clock_watch.steps_back)
        if not steps_back:
            self._repair_again()
            return
        with self._database.use() as connection:
            brought_back = bring_back(connection, step=sum(steps_back), failed=_log_failed)
            armed = rearm_ahead(connection, has_ended=self._ended.is_set, unreadable=log_unreadable)
            add_counters(connection, {(counters.REPAIR, "clock"): armed} if armed else {})
        self._database.close()
        logger.warning("clock.repaired", runs=brought_back, jobs=armed)
        del self._clock_watch.steps_back[: len(steps_back)]
        now = self._clock()
        self._again_at = [now + seconds for seconds in _AGAIN_S]

    def _repair_again(self) -> None:
        """Bring back what calls that were under way at a step back have come to since."""
        if not self._again_at or self._clock() < self._again_at[0]:
            return
        with self._database.use() as connection:
            brought_back = bring_back_outcomes(connection, failed=_log_failed)
        self._database.close()
        del self._again_at[0]
        if brought_back:
            logger.warning("clock.repaired", runs=brought_back, jobs=0)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()


def _log_failed(error: psycopg.Error) -> None:
    logger.error("clock.repair_failed", error=describe_error(error))
