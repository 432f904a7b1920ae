"""Settler: writes settlements into PostgreSQL in batches, and logs and counts them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from app.domain import counters
from app.domain.counters import Counters
from app.domain.limits import UNLIMITED, Limits
from app.domain.run import Attempt, Reply
from app.domain.timings.leases import HEARTBEAT_S
from app.domain.timings.settling import (
    LAST_SETTLEMENTS_S,
    SETTLE_BATCH,
    SETTLE_INTERVAL_S,
    SKIP_LOCKED_FOR_S,
)
from app.log import describe_error, lines, logger, take_dropped
from app.store import heartbeats
from app.store.connection import ReconnectingConnection
from app.store.counters import add_counters
from app.store.database_errors import Kind, is_away, kind_of
from app.store.parking import Parking, park
from app.store.settling import Settlement
from app.store.single_settling import Settled, settle_singly_if_needed
from app.uptime import read_uptime
from workers.dispatch.channels import Channels
from workers.dispatch.deferred_settlements import Deferred, DeferredSettlements
from workers.dispatch.destination_report import DestinationReport
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.history_usage import HistoryUsage
from workers.dispatch.lateness import LatenessCounts
from workers.dispatch.leased_run import LeasedRun
from workers.loop_thread import LoopThread

_T = TypeVar("_T")


class Settler(LoopThread):
    """One thread that writes the dispatcher's settlements, and parks runs, in PostgreSQL.

    While the database is away, what cannot be written is kept and tried again, in order. A
    settlement that cannot be written now, because its rows are locked elsewhere or its statement
    fails, is deferred and tried again by itself; the others are written. Until then the lease watch
    renews the leases of these runs.
    """

    def __init__(
        self,
        database: ReconnectingConnection,
        dispatcher: Dispatcher,
        channels: Channels,
        identity: str,
        *,
        limits: Limits = UNLIMITED,
        interval: float = SETTLE_INTERVAL_S,
        clock: Callable[[], float] = read_uptime,
    ) -> None:
        super().__init__("settler", interval=interval)
        self._settle_interval = interval
        self._database = database
        self._dispatcher = dispatcher
        self._unparker = dispatcher.flow_control.unparker
        self._settlements = channels.settlements
        self._parked = channels.parked
        self._identity = identity
        self._clock = clock
        self._unsettled: deque[tuple[LeasedRun, Settlement]] = deque()
        self._to_park: deque[tuple[LeasedRun, Parking]] = deque()
        self._deferred = DeferredSettlements()
        self._skip_locked_until = float("-inf")
        self._counters = Counters()
        self._lateness = LatenessCounts()
        self._usage = HistoryUsage(limits, clock=clock)
        self._heartbeat_at = float("-inf")
        destinations = dispatcher.flow_control.destinations
        self._held = DestinationReport(lambda: list(destinations), clock)

    def run_once(self) -> None:
        """Write a batch, then the heartbeat if it is due; pause unless a whole batch waits."""
        began = self._clock()
        self._write()
        if began - self._heartbeat_at >= HEARTBEAT_S:
            # Set even if the heartbeat fails: the counts are kept, and settlements come first.
            self._heartbeat_at = began
            with self._database.use() as connection:
                self._write_heartbeat(connection)
        waiting = max(len(self._settlements), len(self._parked))
        self.interval = (
            0.0
            if waiting >= SETTLE_BATCH
            else max(0.0, began + self._settle_interval - self._clock())
        )

    def flush(self) -> None:
        """At an orderly end: write what is left, and delete the heartbeat.

        Where the database is away, or rows stay locked, the leases of the runs that are left run
        out, and another worker takes them.
        """
        try:
            self._write_all()
            with self._database.use() as connection:
                self._write_heartbeat(connection)
                heartbeats.deregister(connection, "worker", self._identity)
        except psycopg.Error as error:
            if not is_away(error):
                self._report(error)
        if not self.empty:
            logger.warning("runs.unsettled", runs=self._left)
        self._database.close()

    @property
    def empty(self) -> bool:
        """Whether everything that came has been written."""
        return not self._left

    @property
    def _left(self) -> int:
        settlements = len(self._unsettled) + len(self._settlements) + len(self._deferred)
        return settlements + len(self._to_park) + len(self._parked)

    def _write_all(self) -> None:
        """Write what is left; give up LAST_SETTLEMENTS_S after the last that could be written.

        A connection that was lost is opened again: the server may have been restarted just now.
        """
        give_up = self._clock() + LAST_SETTLEMENTS_S
        while not self.empty:
            left = self._left
            try:
                self._write()
            except psycopg.Error as error:
                if not is_away(error):
                    raise
            if self._left < left:
                give_up = self._clock() + LAST_SETTLEMENTS_S
            elif self._clock() >= give_up:
                return
            else:
                time.sleep(SETTLE_INTERVAL_S)

    def _write(self) -> None:
        """Write a batch. Its items stay in their queues until they are written."""
        _move(self._settlements, self._unsettled)
        _move(self._parked, self._to_park)
        if not (self._unsettled or self._to_park or self._deferred.due(self._clock())):
            return
        with self._database.use() as connection:
            if self._unsettled:
                self._settle(connection, self._usage.pruned(list(self._unsettled)))
                self._unsettled.clear()
            if self._to_park:
                whole = self._without_interrupted(connection, list(self._to_park))
                if whole:
                    self._park(connection, whole)
                self._to_park.clear()
            for each in self._deferred.due(self._clock()):
                self._settle_deferred(connection, each)

    def _without_interrupted(
        self, connection: psycopg.Connection, batch: list[tuple[LeasedRun, Parking]]
    ) -> list[tuple[LeasedRun, Parking]]:
        """Settle the runs that have called some of their ticks; return the others, to park them.

        The tick that is left becomes a run of its own, which is parked when it is taken again.
        """
        interrupted = [
            (leased, leased.interrupted_settlement(each.reason))
            for leased, each in batch
            if leased.first_tick is not None
        ]
        if not interrupted:
            return batch
        self._settle(connection, interrupted)
        # Whatever comes of the others, these are settled, or set deferred, and that once.
        others = [each for each in batch if each[0].first_tick is None]
        self._to_park = deque(others)
        self._unparker.on_parked([leased for leased, _ in interrupted], frozenset())
        return others

    def _park(self, connection: psycopg.Connection, batch: list[tuple[LeasedRun, Parking]]) -> None:
        try:
            parked, locked = park(connection, [each for _, each in batch])
        except psycopg.Error as error:
            match kind_of(error):
                case Kind.AWAY:
                    raise
                case Kind.BUSY:
                    parked, locked = set(), {each.id for _, each in batch}
                case Kind.REFUSED:
                    # Their leases run out: one bad row never stops the loop.
                    parked, locked = set(), set()
                    for _, each in batch:
                        _log_impossible(each.id, error)
        self._parked.extend([(leased, each) for leased, each in batch if each.id in locked])
        gone = [leased for leased, each in batch if each.id not in locked]
        for leased in gone:
            self._dispatcher.forget(leased)
        self._unparker.on_parked(gone, parked)
        for _, each in batch:
            if each.id in parked:
                self._counters[counters.PARKED, str(each.block_reason)] += 1

    def _write_heartbeat(self, connection: psycopg.Connection) -> None:
        heartbeats.beat(connection, "worker", self._identity, self._held.report())
        self._counters.update(take_dropped())
        add_counters(connection, self._counters)
        self._counters.clear()
        self._lateness.flush(connection)
        self._usage.flush(connection)

    def _settle(
        self, connection: psycopg.Connection, batch: list[tuple[LeasedRun, Settlement]]
    ) -> None:
        now = self._clock()
        batch = [(leased, _dated(leased, each, now)) for leased, each in batch]
        wait = now >= self._skip_locked_until
        settled = settle_singly_if_needed(connection, [each for _, each in batch], wait=wait)
        if settled.busy and wait:
            # The next batches may need the same rows: they are skipped without a wait.
            self._skip_locked_until = self._clock() + SKIP_LOCKED_FOR_S
        self._after(batch, settled)

    def _settle_deferred(self, connection: psycopg.Connection, deferred: Deferred) -> None:
        """Try deferred settlements again; those that fail stay deferred."""
        now = self._clock()
        batch = [(leased, _dated(leased, each, now)) for leased, each in deferred.batch]
        settled = settle_singly_if_needed(
            connection, [each for _, each in batch], wait=False, within=deferred.within
        )
        self._deferred.take(deferred, self._clock())
        self._after(batch, settled, tries=deferred.tries + 1)

    def _after(
        self, batch: Sequence[tuple[LeasedRun, Settlement]], settled: Settled, *, tries: int = 0
    ) -> None:
        left = {busy.settlement.id: busy for busy in settled.busy}
        written = [each for each in batch if each[1].id not in left]
        for leased, _ in written:
            self._dispatcher.forget(leased)
        if left:
            deferred = [(leased, left[each.id]) for leased, each in batch if each.id in left]
            self._deferred.put(deferred, self._clock(), tries=tries)
        written, settled = _with_earlier_ticks(written, settled)
        self._lateness.count(written, settled)
        self._usage.count(written, settled)
        self._log_and_count(settled)
        for each, error in settled.failed:
            _log_impossible(each.id, error)
        for each in settled.token_mismatch:
            logger.warning("run.token_mismatch", run_id=str(each.id))

    def _log_and_count(self, settled: Settled) -> None:
        attempts = [(each, each.attempt) for each in settled.done if each.attempt is not None]
        lines("attempt", (_line(*each) for each in attempts))
        count = self._counters.update
        count((counters.RUN, str(state)) for state in settled.states)
        count((counters.ATTEMPT, _outcome(attempt.reply)) for _, attempt in attempts)
        late = [
            attempt.lateness_ms / 1000
            for each, attempt in attempts
            if attempt.number == 1 and each.counts_for_lateness
        ]
        count((counters.LATENESS, counters.bound(each)) for each in late)
        if late:
            self._counters[counters.LATENESS_SUM, ""] += sum(late)  # type: ignore[assignment] # Counter adds floats as well


def _dated(leased: LeasedRun, settlement: Settlement, now: float) -> Settlement:
    """The settlement, with the deadline for its completion counted from now.

    Until the settlement is written, the receiver can report nothing.
    """
    if settlement.within is None:
        return settlement
    by = leased.wall(now) + timedelta(seconds=settlement.within)
    return settlement._replace(complete_by=by)


def _with_earlier_ticks(
    written: list[tuple[LeasedRun, Settlement]], settled: Settled
) -> tuple[list[tuple[LeasedRun, Settlement]], Settled]:
    """Add the runs of earlier ticks, which were written with the settlements of later ones."""
    if not any(each.ticks for each in settled.done):
        return written, settled
    before = {each.id: ticks.before for each in settled.done if (ticks := each.ticks)}
    more = [(leased, each) for leased, of in written if (each := before.get(of.id)) is not None]
    done = (*settled.done, *(each for _, each in more))
    return [*written, *more], replace(settled, done=done)


def _log_impossible(run_id: UUID, error: psycopg.Error) -> None:
    logger.error("run.cannot_be_settled", run_id=str(run_id), error=describe_error(error))


def _move(waiting: deque[_T], batch: deque[_T]) -> None:
    while waiting and len(batch) < SETTLE_BATCH:
        batch.append(waiting.popleft())


def _outcome(reply: Reply) -> str:
    return reply.error or f"{(reply.status or 0) // 100}xx"


def _line(settlement: Settlement, attempt: Attempt) -> dict[str, Any]:
    """The fields of the log line of an attempt."""
    reply, timing = attempt.reply, attempt.reply.timing
    return {
        "run_id": settlement.id,
        "job_id": settlement.job_id,
        "job_version": settlement.job_version,
        "due_at": settlement.due_at,
        "attempt": attempt.number,
        "started_at": attempt.started_at,
        "lateness_ms": round(attempt.lateness_ms, 3),
        "status": reply.status,
        "error": reply.error,
        "detail": reply.log_detail or reply.error_detail,
        "dns_ms": timing.dns,
        "connect_ms": timing.connect,
        "tls_ms": timing.tls,
        "first_byte_ms": timing.first_byte,
        "total_ms": timing.total,
        "outcome": settlement.state or ("retry" if settlement.within is None else "later"),
        "retry_at": settlement.retry_at,
        "reason": settlement.reason,
    }
