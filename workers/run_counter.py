"""RunCounter: counts the runs under way of each account, more often while one is near its limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from app.domain.limits import Limits, overridden
from app.store import limits as store
from app.store import runs_under_way
from app.store.connection import ReconnectingConnection
from app.uptime import read_uptime
from workers.loop_thread import LoopThread

COUNT_S: Final = 5.0
COUNT_NEAR_S: Final = 1.0
_NEAR: Final = 0.8
_REST: Final = 50
"""However many runs there are, counting takes a fiftieth of the time at most."""


class RunCounter(LoopThread):
    """A thread beside the scheduler; of several, one counts at a time."""

    def __init__(
        self,
        database: ReconnectingConnection,
        *,
        limits: Limits,
        clock: Callable[[], float] = read_uptime,
    ) -> None:
        super().__init__("run_counter", interval=COUNT_S)
        self._database = database
        self._limits = limits
        self._clock = clock

    def run_once(self) -> None:
        """Count, and set how long to rest."""
        began = self._clock()
        with self._database.use() as connection:
            runs_under_way.count_all(connection)
            took = self._clock() - began
            own = {
                account: overridden(self._limits, overrides).runs_under_way
                for account, overrides in store.with_own(connection).items()
            }
            near = runs_under_way.near_limit(
                connection, self._limits.runs_under_way, own, enough=lambda most: most * _NEAR
            )
        self.interval = max(COUNT_NEAR_S if near else COUNT_S, took * _REST)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()
