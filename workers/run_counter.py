"""Run counter: counts the runs under way by account, more often while one is near its limit."""

from __future__ import annotations

from collections.abc import Callable

from app.domain.limits import Limits, overridden
from app.domain.timings.limits import NEAR_LIMIT, RUN_COUNT_NEAR_S, RUN_COUNT_REST, RUN_COUNT_S
from app.store import limits as store
from app.store import runs_under_way
from app.store.connection import ReconnectingConnection
from app.uptime import read_uptime
from workers.loop_thread import LoopThread


class RunCounter(LoopThread):
    """A thread of each scheduler; only one of all counts at a time."""

    def __init__(
        self,
        database: ReconnectingConnection,
        *,
        limits: Limits,
        clock: Callable[[], float] = read_uptime,
    ) -> None:
        super().__init__("run_counter", interval=RUN_COUNT_S)
        self._database = database
        self._limits = limits
        self._clock = clock

    def run_once(self) -> None:
        """Count, and set the pause until the next count."""
        began = self._clock()
        with self._database.use() as connection:
            runs_under_way.count_all(connection)
            took = self._clock() - began
            own = {
                account: overridden(self._limits, overrides).runs_under_way
                for account, overrides in store.with_own(connection).items()
            }
            near = runs_under_way.near_limit(
                connection, self._limits.runs_under_way, own, enough=lambda most: most * NEAR_LIMIT
            )
        self.interval = max(RUN_COUNT_NEAR_S if near else RUN_COUNT_S, took * RUN_COUNT_REST)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()
