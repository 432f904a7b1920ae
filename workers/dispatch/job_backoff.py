"""Job brakes: Dapr jobs whose app asked for time when it gave up on a tick, and until when."""

from __future__ import annotations

from operator import itemgetter
from typing import Final
from uuid import UUID

from app.domain.circuit_breaker import BlockReason
from app.domain.instants import format_utc
from app.domain.retry import job_pause
from app.domain.run import Reply
from app.store.parking import Parking
from workers.dispatch.leased_run import LeasedRun

MAX_WAIT_HERE_S: Final = 2.0
"""A run that waits no longer than this waits in the worker; any other is given back."""

_MAX_KNOWN: Final = 10_000
"""Above that many those that end first are forgotten: their jobs may be called a tick too early."""


class JobBackoff:
    """Used by the loop's thread alone.

    A retry has its time from the database: this is for the tick that follows one that is over.
    """

    def __init__(self) -> None:
        self._until: dict[UUID, float] = {}

    def note(self, leased: LeasedRun, reply: Reply, now: float) -> None:
        """A tick has ended with this reply, and no retry follows."""
        pause = (
            job_pause(reply, leased.wall(now)).total_seconds()
            if leased.unreachable_is_free
            else 0.0
        )
        if pause > 0 and leased.run.serial:
            self._until[leased.run.job_id] = now + pause
            if len(self._until) > _MAX_KNOWN:
                # Half of them at a time: so each one costs the loop its share of one sorting.
                last = sorted(self._until.items(), key=itemgetter(1))[-(_MAX_KNOWN // 2) :]
                self._until = dict(last)

    def until(self, leased: LeasedRun, now: float) -> float | None:
        """When the run's job may be called again; None where that is now."""
        until = self._until.get(leased.run.job_id) if self._until else None
        if until is None or until > now:
            return until
        del self._until[leased.run.job_id]
        return None

    def park(self, leased: LeasedRun, until: float, now: float) -> Parking:
        """Give a run back for as long as its job has to wait."""
        at = format_utc(leased.wall(until).replace(microsecond=0))
        reason = f"waiting: its app asked to wait with the calls of this job; next call at {at}"
        return leased.park(until - now, BlockReason.ASKED, reason)
