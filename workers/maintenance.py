"""Maintenance: partitions made ahead and dropped in time, orphans armed, leftovers cleared."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import Final
from uuid import UUID

import psycopg

from app.domain import tally
from app.log import in_words, logger
from app.store import accuracy, answers, beats, partitions, repairs
from workers.link import Link, Repeating

_REPAIR_S: Final = 30.0
_HOUR_S: Final = 3600.0
_ORPHANS: Final = 1000
# Small steps, each a transaction of its own; what is left after so many waits for the next turn.
_PURGED: Final = 500
_STEPS: Final = 200


class Maintenance(Repeating):
    """The slow loop beside the scheduler; several may run, each step is safe twice."""

    def __init__(
        self, link: Link, *, retention_days: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__("maintenance", pause=_REPAIR_S)
        self._link = link
        self._retention = timedelta(days=retention_days)
        self._clock = clock
        self._hourly_at = float("-inf")

    def once(self) -> None:
        """Repair; once an hour, turn history's partitions over."""
        with self._link.use() as connection:
            if self._clock() - self._hourly_at >= _HOUR_S:
                self._turn_over(connection)
                self._hourly_at = self._clock()
            self._repair(connection)
            for purge in (answers.purge, accuracy.purge, repairs.drop_aborted):
                self._purge(connection, purge)

    def close(self) -> None:
        """Close the connection."""
        self._link.drop()

    def _turn_over(self, connection: psycopg.Connection) -> None:
        now = connection.execute("SELECT clock_timestamp()").fetchone()
        today = (now[0] if now else datetime.now(UTC)).date()
        made = partitions.make_ahead(connection, today)
        first_kept = today - self._retention
        dropped = partitions.drop_before(connection, first_kept)
        repairs.drop_superseded(connection, datetime.combine(first_kept, time_of_day.min, UTC))
        repairs.drop_secrets(connection)
        beats.forget_stale(connection)
        if made or dropped:
            logger.info("history.turned_over", made=made, dropped=dropped)

    def _purge(self, connection: psycopg.Connection, purge: Callable[..., int]) -> None:
        """Drop what has expired, a few rows at a time, so that nobody waits for it."""
        for _ in range(_STEPS):
            if self._ended.is_set() or purge(connection, limit=_PURGED) < _PURGED:
                return

    def _repair(self, connection: psycopg.Connection) -> None:
        armed = repairs.rearm_orphans(connection, limit=_ORPHANS, unreadable=tell_unreadable)
        if armed:
            logger.error("jobs.orphaned", repaired=armed)
            beats.add(connection, {(tally.REPAIR, "orphan"): armed})


def tell_unreadable(job_id: UUID, error: Exception) -> None:
    """Say that a job's stored trigger cannot be evaluated: damaged data, or a defect."""
    logger.error("job.unreadable_trigger", job_id=str(job_id), error=in_words(error))
