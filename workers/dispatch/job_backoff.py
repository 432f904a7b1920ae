"""JobBackoff: Dapr jobs whose app asked to wait before the next tick, and until when."""

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
"""A run that has to wait for longer than so many seconds is parked; others wait in the worker."""

_MAX_KNOWN: Final = 10_000
"""Jobs in memory, beyond which those whose wait ends first are forgotten: they may be called one
tick too early."""


class JobBackoff:
    """Used by the loop's thread alone.

    The time of a retry is in the database. What is kept here delays the next tick of a job, after
    one that ended for good.
    """

    def __init__(self) -> None:
        self._until: dict[UUID, float] = {}

    def note(self, leased: LeasedRun, reply: Reply, now: float) -> None:
        """Note that a tick has ended for good with this reply."""
        if not (leased.unreachable_is_free and leased.run.serial):
            return
        pause = job_pause(reply, leased.wall(now)).total_seconds()
        if pause > 0:
            self._until[leased.run.job_id] = now + pause
            if len(self._until) > _MAX_KNOWN:
                # Half of them are forgotten at once, so that one sorting serves thousands of jobs.
                last = sorted(self._until.items(), key=itemgetter(1))[-(_MAX_KNOWN // 2) :]
                self._until = dict(last)

    def until(self, leased: LeasedRun, now: float) -> float | None:
        """When the run's job may be called again; None if it may be called now."""
        until = self._until.get(leased.run.job_id) if self._until else None
        if until is None or until > now:
            return until
        del self._until[leased.run.job_id]
        return None

    def park(self, leased: LeasedRun, until: float, now: float) -> Parking:
        """Park a run for as long as its job has to wait."""
        at = format_utc(leased.wall(until).replace(microsecond=0))
        reason = f"waiting: its app asked to wait with the calls of this job; next call at {at}"
        return leased.park(until - now, BlockReason.ASKED, reason)
