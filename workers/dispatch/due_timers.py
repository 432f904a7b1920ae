"""Due timers: the timer of each leased run, corrected by the latest offset of the clocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from app.delivery.loop import Loop
from app.domain.timings.leases import RETIME_BEFORE
from workers.dispatch.calls import Sender
from workers.dispatch.cancellations import Cancellations
from workers.dispatch.leased_run import LeasedRun

_RETIME_BEFORE_S: Final = RETIME_BEFORE.total_seconds()


class DueTimers:
    """Calls `on_due` for each run once its due time has come. All on the loop's thread."""

    def __init__(
        self,
        loop: Loop,
        engine: Sender,
        cancellations: Cancellations,
        on_due: Callable[[LeasedRun], None],
    ) -> None:
        self._loop = loop
        self._engine = engine
        self._cancellations = cancellations
        self._on_due = on_due

    def start(self, leased: LeasedRun, now: float) -> None:
        """Start the timer of a run that is not due yet, and resolve its host if there is time."""
        near_at = leased.fire_at - _RETIME_BEFORE_S
        if near_at > now and leased.address is not None:
            self._engine.prepare(leased.address)
        if near_at > now and self._cancellations.offset(now) is None:
            self._loop.call_at(near_at, self._set, leased)
        else:
            self._set(leased)

    def _set(self, leased: LeasedRun) -> None:
        """Set its timer, by a more exact offset of the clocks where there is one.

        The answer to a take is large; that to a poll for cancellations takes less time on its way.
        """
        offset = self._cancellations.offset(self._loop.clock())
        if offset is not None:
            leased.retimed_by(offset)
        self._loop.call_at(leased.fire_at, self._on_due, leased)
