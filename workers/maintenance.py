"""Maintenance: creates and drops partitions, arms orphaned jobs, deletes what has expired."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from functools import partial
from typing import Final
from uuid import UUID

import psycopg

from app.domain import counters
from app.log import describe_error, logger
from app.store import (
    accuracy,
    audit,
    heartbeats,
    history_usage,
    idempotency,
    inbox_calls,
    invitations,
    orphans,
    outbox,
    partitions,
    retention,
    suspension,
    trusted_clock,
    user_links,
    web_sessions,
)
from app.store.clock_steps import read_epoch
from app.store.connection import ReconnectingConnection
from app.store.counters import add_counters
from app.store.database_errors import Kind, kind_of
from app.uptime import read_uptime
from workers import deletions, usage
from workers.clock_watch import ClockWatch
from workers.loop_thread import LoopThread

_REPAIR_S: Final = 30.0
_HOUR_S: Final = 3600.0
_AGAIN_S: Final = 300.0
"""How soon a step with a long interval is taken again after it failed."""

_ORPHANS: Final = 1000
_UNARMED: Final = 20_000
"""Jobs without a next firing that one statement reads in search of orphans, in some 0.1 s."""

_SEARCH_S: Final = 1.0
"""How long one turn of this search takes, at most; the next one goes on behind it."""
# Rows are deleted in small transactions; what is left after _STEPS of them waits for the next turn.
_PURGED: Final = 500
_STEPS: Final = 200
_LEFT_S: Final = 5.0
"""Pause before the next turn of a step that has left rows: in this way some ten thousand rows a
second are deleted, which is more than a busy installation adds."""

_Do = Callable[[psycopg.Connection], bool | None]
"""Does a step once; returns True if it has left something for which there was no time."""


@dataclass(slots=True)
class _Step:
    """A task that is done `every` so many seconds; `due_at` is on the monotonic clock."""

    name: str
    do: _Do
    every: float = _REPAIR_S
    due_at: float = float("-inf")


class Maintenance(LoopThread):
    """The slow loop beside the scheduler. Several may run: it is safe to take a step twice.

    A step that fails does not keep others from being taken, and is taken again later. `reseal` is
    given where more than one key is configured (workers/resealing.py).
    """

    def __init__(
        self,
        database: ReconnectingConnection,
        *,
        retention_days: int,
        reseal: Callable[[psycopg.Connection], None] | None = None,
        clock: Callable[[], float] = read_uptime,
        clock_watch: ClockWatch | None = None,
        interval: float = _REPAIR_S,
    ) -> None:
        super().__init__("maintenance", interval=interval)
        self._pause = interval
        self._database = database
        self._retention = timedelta(days=retention_days)
        self._clock = clock
        self._clock_watch = clock_watch or ClockWatch()
        self._has_seen_clock = False
        self._is_clock_trusted = True
        self._searched_to = orphans.FIRST
        """The job up to which orphans have been searched for."""
        self._steps = (
            _Step("clock", self._see_clock),
            _Step("orphans", self._repair),
            _Step("resumed", self._free_resumed),
            _Step("answers", self._purging(idempotency.purge)),
            _Step("accuracy", self._purging(accuracy.purge)),
            _Step("inboxes", self._purging(inbox_calls.purge)),
            _Step("aborted", self._purging(retention.drop_aborted)),
            _Step("usage", partial(usage.give_back, has_ended=self._ended.is_set)),
            _Step("slots", usage.renew),
            _Step("recount", partial(usage.recount, has_ended=self._ended.is_set)),
            _Step("partitions", self._make_partitions, _HOUR_S),
            _Step("retention", self._drop_partitions, _HOUR_S),
            _Step("leftovers", self._drop_left, _HOUR_S),
            _Step("superseded", self._drop_superseded, _HOUR_S),
            _Step("audit", self._drop_audit, _HOUR_S),
            _Step("deletions", partial(deletions.go_on, has_ended=self._ended.is_set)),
            _Step("sessions", self._purging(web_sessions.purge), _HOUR_S),
            _Step("invitations", self._purging(invitations.purge), _HOUR_S),
            _Step("links", self._purging(user_links.purge), _HOUR_S),
            _Step("outbox", self._purging(outbox.purge), _HOUR_S),
            _Step("secrets", _drop_secrets, _HOUR_S),
            _Step("heartbeats", heartbeats.forget_stale, _HOUR_S),
            *([_Step("resealing", reseal)] if reseal else ()),
        )

    def run_once(self) -> None:
        """Take each step whose time has come, and set the pause after it."""
        self.interval = self._pause
        for step in self._steps:
            if not self._ended.is_set() and self._clock() >= step.due_at and self._take(step):
                self.interval = min(self._pause, _LEFT_S)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _take(self, step: _Step) -> bool:
        """Take a step; return whether it is to be taken again soon, because it has left rows."""
        try:
            with self._database.use() as connection:
                has_left = bool(step.do(connection))
        except Exception as error:  # one failing step must not stop the others
            kind = kind_of(error)
            if kind is Kind.AWAY:
                raise
            step.due_at = self._clock() + min(step.every, _AGAIN_S)
            if kind is Kind.BUSY:
                reason = str(error).strip()
                logger.warning("maintenance.postponed", step=step.name, reason=reason)
            else:
                logger.error("maintenance.failed", step=step.name, exc_info=error)
            return False
        step.due_at = self._clock() + (min(step.every, _LEFT_S) if has_left else step.every)
        return has_left

    def _make_partitions(self, connection: psycopg.Connection) -> None:
        made, crowded = partitions.make_ahead(connection, _today(connection))
        if made:
            logger.info("history.turned_over", made=made, dropped=0)
        if crowded:
            logger.warning("history.crowded", partitions=crowded)

    def _drop_partitions(self, connection: psycopg.Connection) -> bool:
        first_kept = self._first_kept(connection)
        dropped, crowded = partitions.drop_before(connection, first_kept)
        history_usage.drop_before(connection, first_kept)
        if dropped:
            logger.info("history.turned_over", made=0, dropped=dropped)
        return self._purge_each(
            partial(partitions.drop_expired, connection, name, first_kept) for name in crowded
        )

    def _drop_left(self, connection: psycopg.Connection) -> bool:
        first_kept = self._first_kept(connection)
        return self._purge_each(
            partial(partitions.drop_left, connection, table, first_kept)
            for table in partitions.TABLES
        )

    def _drop_superseded(self, connection: psycopg.Connection) -> bool:
        first_kept = datetime.combine(self._first_kept(connection), time_of_day.min, UTC)
        return self._purge(partial(retention.drop_superseded, connection, first_kept))

    def _drop_audit(self, connection: psycopg.Connection) -> bool:
        first_kept = datetime.combine(self._first_kept(connection), time_of_day.min, UTC)
        return self._purge(partial(audit.purge, connection, first_kept))

    def _first_kept(self, connection: psycopg.Connection) -> date:
        return trusted_clock.today(connection) - self._retention

    def _see_clock(self, connection: psycopg.Connection) -> None:
        seen = trusted_clock.see(connection, steady_s=self._clock_watch.steady_for)
        if seen.behind and not self._has_seen_clock:
            # The clock was set back while no scheduler ran.
            self._clock_watch.was_set_back(seen.behind.total_seconds())
        self._has_seen_clock = True
        if seen.ahead and self._is_clock_trusted:
            ahead_s = round(seen.ahead.total_seconds())
            logger.warning("maintenance.clock_not_trusted", ahead_s=ahead_s)
        self._is_clock_trusted = not seen.ahead

    def _purge_each(self, purges: Iterable[Callable[..., int]]) -> bool:
        """As `_purge`, for several kinds of rows; each has its turn."""
        return True in [self._purge(each) for each in purges]

    def _purging(self, purge: Callable[..., int]) -> _Do:
        return lambda connection: self._purge(partial(purge, connection))

    def _purge(self, purge: Callable[..., int]) -> bool:
        """Delete expired rows, a few per transaction, so that nothing waits for long.

        Returns whether it has left some: other steps have to be taken as well.
        """
        for _ in range(_STEPS):
            if self._ended.is_set() or purge(limit=_PURGED) < _PURGED:
                return False
        return True

    def _free_resumed(self, connection: psycopg.Connection) -> None:
        """Release what waits of resumed accounts, in case the command was cut short."""
        for account_id in suspension.recently_resumed(connection):
            for _ in suspension.release(connection, account_id):
                if self._ended.is_set():
                    return

    def _repair(self, connection: psycopg.Connection) -> None:
        """Search all jobs without a next firing for orphans, or as many as there is time for."""
        until = self._clock() + _SEARCH_S
        while not self._ended.is_set():
            after = self._searched_to
            last = orphans.last_unarmed(connection, after=after, most=_UNARMED)
            # Also where this part fails: the others are searched.
            self._searched_to = last or orphans.FIRST
            repaired = orphans.rearm_orphans(
                connection, limit=_ORPHANS, unreadable=log_unreadable, after=after, until=last
            )
            _report_repaired(connection, repaired)
            if last is None or self._clock() >= until:
                return


def _report_repaired(connection: psycopg.Connection, repaired: orphans.Repaired) -> None:
    if repaired.armed:
        logger.error("jobs.orphaned", repaired=repaired.armed)
        add_counters(connection, {(counters.REPAIR, "orphan"): repaired.armed})
    if repaired.ended:
        logger.info("jobs.ended_late", jobs=repaired.ended)


def _today(connection: psycopg.Connection) -> date:
    """The day by the database's clock, in UTC."""
    return datetime.fromtimestamp(read_epoch(connection), UTC).date()


def _drop_secrets(connection: psycopg.Connection) -> None:
    retention.drop_secrets(connection)


def log_unreadable(job_id: UUID, error: Exception) -> None:
    """Log that a job's stored trigger cannot be evaluated: damaged data, or a defect."""
    logger.error("job.unreadable_trigger", job_id=str(job_id), error=describe_error(error))
