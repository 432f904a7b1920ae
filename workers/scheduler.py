"""Scheduler: claims due jobs slightly ahead of time, checks runs in flight, notifies workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import psycopg

from app.domain import counters
from app.domain.counters import Counters
from app.domain.firing_rate import FiringLimits
from app.domain.limits import UNLIMITED, Limits
from app.domain.timings.claiming import (
    BUSY_CLAIM_PAUSE_S,
    CLAIM_BUDGET,
    CLAIM_POLL,
    FAIR_CLAIM_S,
    FAIR_SHARE,
    LOOK_AHEAD,
    MIN_CLAIM,
    ON_TIME_S,
    POSTPONING_BUDGET,
    POSTPONING_FOR_S,
)
from app.domain.timings.leases import HEARTBEAT_S, LEASE, SLOW_DATABASE_S
from app.domain.timings.notifying import LAST_NOTIFICATIONS_S
from app.errors import Misconfigured
from app.log import describe_error, logger, take_dropped
from app.store import heartbeats
from app.store.claims import Claimed, Claims, claim, claim_fairly, still_claimed
from app.store.connection import ReconnectingConnection
from app.store.counters import add_counters
from app.store.database_errors import is_away
from app.store.overdue import Slots
from app.store.rescue import check
from app.store.takes import Ticket
from app.uptime import read_uptime
from workers.claim_parts import claim_in_parts
from workers.clock_repairs import ClockRepairs
from workers.clock_watch import ClockWatch
from workers.ended_runs import EndedRuns
from workers.firing_limits import KnownFirings
from workers.loop_thread import LoopThread
from workers.mailer import mailing
from workers.maintenance import Maintenance, log_unreadable
from workers.notified_runs import NotifiedRuns
from workers.notifier import OVERDUE, Notifier, batches, redis_client
from workers.overdue_offers import OverdueOffers
from workers.process import (
    await_schema,
    configure,
    exit_in_order,
    exit_misconfigured,
    identity,
    on_stop,
)
from workers.queue_choice import by_queue, well_served
from workers.queue_lookback import LeftBehindSearch, Lookback
from workers.resealing import resealing
from workers.run_counter import RunCounter


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """What one tick did; `busy` if another tick would find work at once."""

    claimed: int
    notified: int
    busy: bool


class BatchNotifier(Protocol):
    """What the scheduler uses of the notifier."""

    def notify(self, name: str, tickets: Sequence[Ticket]) -> None:
        """Notify workers of the runs, through a queue; returns at once."""

    def offer(self, slots: Slots) -> bool:
        """Have workers begin what is overdue in these slots by themselves; returns at once.

        False where no offer reaches them at present.
        """


class Scheduler(LoopThread):
    """The claiming loop. Any number may run: rows are claimed with SKIP LOCKED."""

    def __init__(
        self,
        database: ReconnectingConnection,
        notifier: BatchNotifier,
        identity: str,
        *,
        limits: Limits = UNLIMITED,
        clock: Callable[[], float] = read_uptime,
        clock_watch: ClockWatch | None = None,
    ) -> None:
        super().__init__("scheduler", interval=CLAIM_POLL.total_seconds())
        self._database = database
        self._notifier = notifier
        self._identity = identity
        self._clock = clock
        self._clock_watch = clock_watch or ClockWatch()
        self._firings = KnownFirings(limits, clock=clock)
        self._notified = NotifiedRuns()
        self._counters = Counters()
        self._ended_runs = EndedRuns(self._counters)
        self._offers = OverdueOffers(clock)
        self.due = Lookback(clock)
        self.inflight = Lookback(clock)
        self._trusted_since = clock()
        self._finished_at = clock()
        self._shared_at = float("-inf")
        self._is_behind = False
        """Whether the last claim by due time has left what is due."""
        self._is_offered = False
        """Whether it has left that to the workers."""
        self._heartbeat_at = float("-inf")
        self._postponing_until = float("-inf")
        self._workers = 1

    def run_once(self) -> None:
        """Do one tick, and set the pause after it."""
        self.interval = BUSY_CLAIM_PAUSE_S if self.tick().busy else CLAIM_POLL.total_seconds()

    def tick(self) -> Tick:
        """Claim and notify, check runs in flight and notify, settle. Raises psycopg.Error.

        Runs that have ended are settled last, as no call waits for that.
        """
        began = self._clock()
        try:
            with self._database.use() as connection:
                self._follow_clock(connection)
                self._write_heartbeat(connection, began)
                claimed = self._share(connection) + self._claim(connection)
                claimed += self._share(connection)
                # A database that was slow for the claim was slow for lease renewals as well.
                now = self._distrust_if_slow(began)
                checked = check(
                    connection,
                    limit=self._most_rows(),
                    leases_count=self._leases_count(now),
                    limits=self._firings.limits(connection),
                    lookback=self.inflight.seconds() + self._clock_watch.doubt,
                    until=self._clock_watch.until(),
                    unreadable=_log_unreadable_run,
                )
                self._note_postponed(checked.postponed)
                if not checked.full:
                    self.inflight.exhausted(now)
                self._notify(checked.to_notify)
                self._firings.count(checked.begun)
                claimed += self._share(connection)
                self._ended_runs.settle(connection, checked.ended)
        except psycopg.Error as error:
            if is_away(error):
                self._distrust()
            raise
        ended = self._distrust_if_slow(began)
        if checked.reclaimed:
            logger.warning("runs.reclaimed", runs=checked.reclaimed)
        self._finished_at = ended
        return Tick(
            claimed=claimed,
            notified=len(checked.to_notify),
            busy=(self._is_behind and not self._is_offered) or checked.full,
        )

    def close(self) -> None:
        """Delete the heartbeat, write what was counted and close the connection."""
        with suppress(psycopg.Error), self._database.use() as connection:
            heartbeats.deregister(connection, "scheduler", self._identity)
            self._write_counters(connection)
        self._database.close()

    def _claim(self, connection: psycopg.Connection) -> int:
        """Claim by due time while the budget lasts, notify workers, and note what is left."""
        if self._notified:
            self._notified.keep(still_claimed(connection, self._notified.asked_about))
        room = CLAIM_BUDGET - self._notified.total
        doubt, until = self._clock_watch.doubt, self._clock_watch.until()
        limits, lookback = self._firings.limits(connection), self.due.seconds()
        self._is_behind = True
        self._is_offered = not doubt and self._offer(connection, limits, lookback)
        if room < MIN_CLAIM or self._is_offered:
            return 0
        began = self._clock()

        def claim_part(most: int) -> Claims:
            return self._count(
                claim(
                    connection,
                    budget=most,
                    ahead=_look_ahead(doubt),
                    unreadable=log_unreadable,
                    unclaimable=_log_unclaimable,
                    limits=self._firings.limits(connection),
                    lookback=lookback + doubt,
                    until=until,
                )
            )

        budget = min(room, self._most_rows(), self._offers.most)
        claimed, self._is_behind = claim_in_parts(claim_part, budget=budget, clock=self._clock)
        self._offers.claimed(has_more=self._is_behind)
        if not self._is_behind:
            self.due.exhausted(began)
        self._notify(claimed)
        return len(claimed)

    def _share(self, connection: psycopg.Connection) -> int:
        """Where due rows are left, claim a share for every account, unless that was just done."""
        began, doubt = self._clock(), self._clock_watch.doubt
        if not self._is_behind or began - self._shared_at < FAIR_CLAIM_S:
            return 0
        claims = claim_fairly(
            connection,
            share=FAIR_SHARE,
            ahead=_look_ahead(doubt),
            lookback=ON_TIME_S + began - self._finished_at + doubt,
            skip=well_served(self._notified.by_account()),
            unreadable=log_unreadable,
            unclaimable=_log_unclaimable,
            limits=self._firings.limits(connection),
            until=self._clock_watch.until(),
        )
        self._shared_at = self._clock()
        self._notify(self._count(claims).runs)
        return len(claims.runs)

    def _offer(self, connection: psycopg.Connection, limits: FiringLimits, lookback: float) -> bool:
        """Leave what is overdue to the workers, if that is what is next; whether it was."""
        slots = self._offers.next(
            connection, limits, lookback=lookback, until=self._clock_watch.until()
        )
        if slots is None:
            return False
        if not self._notifier.offer(slots):
            self._offers.refused()
            return False
        return True

    def _follow_clock(self, connection: psycopg.Connection) -> None:
        """Observe the clock; after a step, leases that were written by it before do not count."""
        change = self._clock_watch.observe(connection)
        if change.step:
            self._distrust()
            direction = counters.FORWARD if change.step > 0 else counters.BACK
            self._counters[counters.CLOCK_STEP, direction] += 1
        if change.believed:
            # The rows whose time the clock leapt over have not been read.
            for queue in (self.due, self.inflight):
                queue.extend_to(change.believed + LEASE.total_seconds())

    def _most_rows(self) -> int:
        return POSTPONING_BUDGET if self._clock() < self._postponing_until else CLAIM_BUDGET

    def _note_postponed(self, postponed: int) -> None:
        if postponed:
            self._postponing_until = self._clock() + POSTPONING_FOR_S

    def _count(self, claims: Claims) -> Claims:
        self._note_postponed(claims.postponed.total())
        begun: Counter[int] = Counter()
        for each in claims.runs:
            begun[each.account_id] += each.firings
        self._firings.count(begun)
        self._firings.postponed(claims.postponed)
        return claims

    def _notify(self, runs: Sequence[Claimed]) -> None:
        for name, found in by_queue(runs).items():
            for batch in batches(found, self._workers):
                if name == OVERDUE:
                    self._notified.add((run.run_id, run.account_id) for run in batch)
                self._notifier.notify(name, [(run.run_id, run.token) for run in batch])

    def _leases_count(self, now: float) -> bool:
        """Whether leases count: only once the database has answered promptly for a whole LEASE."""
        return now - self._trusted_since > LEASE.total_seconds()

    def _distrust_if_slow(self, began: float) -> float:
        """The time now; distrust leases if the database was slow since `began`."""
        now = self._clock()
        if now - began > SLOW_DATABASE_S:
            self._distrust()
        return now

    def _distrust(self) -> None:
        self._trusted_since = self._clock()

    def _write_heartbeat(self, connection: psycopg.Connection, now: float) -> None:
        if now - self._heartbeat_at >= HEARTBEAT_S:
            heartbeats.beat(connection, "scheduler", self._identity)
            self._workers = heartbeats.workers(connection)
            self._heartbeat_at = now
            self._write_counters(connection)

    def _write_counters(self, connection: psycopg.Connection) -> None:
        self._counters.update(take_dropped())
        add_counters(connection, self._counters)
        self._counters.clear()


def _look_ahead(doubt: float) -> float:
    """How long before its time a run is claimed, in seconds.

    Workers call by the database's clock: while it is doubted, what is ahead would be early.
    """
    return 0.0 if doubt else LOOK_AHEAD.total_seconds()


def _log_unclaimable(job_id: UUID, error: Exception) -> None:
    logger.error("job.unclaimable", job_id=str(job_id), error=describe_error(error))


def _log_unreadable_run(run_id: UUID, error: Exception) -> None:
    logger.error("runs.unreadable", runs=1, run_id=str(run_id), error=describe_error(error))


def main() -> None:
    """Run one scheduler, with its maintenance, until SIGTERM or SIGINT."""
    settings = configure("scheduler")
    try:
        reseal = resealing(settings.secret_keys)
    except Misconfigured as error:
        exit_misconfigured(error)
    notifier = Notifier(redis_client(settings.redis_url))
    name = identity()
    clock_watch = ClockWatch(doubt_s=settings.clock_doubt_s)
    scheduler = Scheduler(
        ReconnectingConnection(settings.database_url, "scheduler"),
        notifier,
        name,
        limits=settings.limits,
        clock_watch=clock_watch,
    )
    maintenance = Maintenance(
        ReconnectingConnection(settings.database_url, "maintenance"),
        retention_days=settings.retention_days,
        reseal=reseal,
        clock_watch=clock_watch,
    )
    clock_repairs = ClockRepairs(
        ReconnectingConnection(settings.database_url, "clock"), clock_watch
    )
    mailer = mailing(settings)
    on_stop(scheduler.stop)
    logger.info("process.started", retention_days=settings.retention_days)
    if not await_schema(settings.database_url, has_ended=scheduler.is_stopping):
        exit_in_order()
    run_counter = RunCounter(
        ReconnectingConnection(settings.database_url, "run_counter"), limits=settings.limits
    )
    search = LeftBehindSearch(
        ReconnectingConnection(settings.database_url, "left_behind"),
        due=scheduler.due,
        inflight=scheduler.inflight,
    )
    notifier.start()
    maintenance.start()
    run_counter.start()
    search.start()
    clock_repairs.start()
    if mailer:
        mailer.start()
    scheduler.run()
    if mailer:
        mailer.stop()
    search.stop()
    clock_repairs.stop()
    run_counter.stop()
    maintenance.stop()
    notifier.stop()
    notifier.join(timeout=LAST_NOTIFICATIONS_S)
    exit_in_order()


if __name__ == "__main__":
    main()
