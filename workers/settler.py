"""Settler: writes what came of runs, in batches, and tells of it in logs and tallies."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

import psycopg

from app.domain import tally
from app.domain.run import Attempt, Reply
from app.domain.tally import Tallies
from app.log import lines, logger
from app.store import beats
from app.store.parking import Release, release
from app.store.settling import Settled, Settlement, settle_singly_if_needed
from workers.accuracy import Accuracy
from workers.courier import Courier
from workers.held import Held
from workers.link import Link, Repeating

_PAUSE_S: Final = 0.05
_BATCH: Final = 1000
_BEAT_S: Final = 2.0

_T = TypeVar("_T")


class Settler(Repeating):
    """One thread that empties the courier's outcomes into PostgreSQL.

    What cannot be written now is kept and tried again, in order, while the keeper extends the
    leases.
    """

    def __init__(
        self,
        link: Link,
        courier: Courier,
        identity: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("settler", pause=_PAUSE_S)
        self._link = link
        self._courier = courier
        self._identity = identity
        self._clock = clock
        self._unsettled: deque[tuple[Held, Settlement]] = deque()
        self._unreleased: deque[tuple[Held, Release]] = deque()
        self._tallies = Tallies()
        self._accuracy = Accuracy()
        self._beaten_at = float("-inf")

    def once(self) -> None:
        """Write a batch, then beat if it is time to; what is less than a batch may gather."""
        began = self._clock()
        self._write()
        if began - self._beaten_at >= _BEAT_S:
            with self._link.use() as connection:
                self._beat(connection)
            self._beaten_at = began
        waiting = max(len(self._courier.outcomes), len(self._courier.destinations.releases))
        self.pause = 0.0 if waiting >= _BATCH else max(0.0, began + _PAUSE_S - self._clock())

    def flush(self) -> None:
        """At an orderly end: write what is left and take the heartbeat back.

        Where the database is away, the runs are for whoever takes them next.
        """
        try:
            while not self.empty:
                self._write()
            with self._link.use() as connection:
                self._beat(connection)
                beats.fall_silent(connection, "worker", self._identity)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            left = len(self._unsettled) + len(self._courier.outcomes)
            left += len(self._unreleased) + len(self._courier.destinations.releases)
            logger.warning("runs.unsettled", runs=left)
        self._link.drop()

    @property
    def empty(self) -> bool:
        """Whether everything that came has been written."""
        return not (
            self._unsettled
            or self._courier.outcomes
            or self._unreleased
            or self._courier.destinations.releases
        )

    def _write(self) -> None:
        """Write a batch of all there is, which stays where it is until it has been written."""
        _move(self._courier.outcomes, self._unsettled)
        _move(self._courier.destinations.releases, self._unreleased)
        if self._unsettled or self._unreleased:
            with self._link.use() as connection:
                if self._unsettled:
                    self._settle(connection, list(self._unsettled))
                    self._unsettled.clear()
                if self._unreleased:
                    self._release(connection, list(self._unreleased))
                    self._unreleased.clear()

    def _release(self, connection: psycopg.Connection, batch: list[tuple[Held, Release]]) -> None:
        try:
            released = release(connection, [each for _, each in batch])
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            # Left to their leases: one bad row never stops the loop.
            released = set()
            for _, each in batch:
                logger.error("run.cannot_be_settled", run_id=str(each.id), error=str(error))
        self._courier.given_back([held for held, _ in batch], released)
        for _, each in batch:
            if each.id in released:
                self._tallies[tally.GIVEN_BACK, str(each.cause)] += 1

    def _beat(self, connection: psycopg.Connection) -> None:
        beats.beat(connection, "worker", self._identity)
        beats.add(connection, self._tallies)
        self._tallies.clear()
        self._accuracy.flush(connection)

    def _settle(self, connection: psycopg.Connection, batch: list[tuple[Held, Settlement]]) -> None:
        settled = settle_singly_if_needed(connection, [each for _, each in batch])
        for held, _ in batch:
            self._courier.forget(held)
        self._accuracy.count(batch, settled)
        self._tell(settled)
        for each, error in settled.failed:
            logger.error("run.cannot_be_settled", run_id=str(each.id), error=str(error))
        for each in settled.lost:
            logger.warning("run.outcome_lost", run_id=str(each.id))

    def _tell(self, settled: Settled) -> None:
        attempts = [(each, each.attempt) for each in settled.done if each.attempt is not None]
        lines("attempt", (_line(*each) for each in attempts))
        count = self._tallies.update
        count((tally.RUN, str(state)) for state in settled.states)
        count((tally.ATTEMPT, _outcome(attempt.reply)) for _, attempt in attempts)
        late = [
            attempt.lateness_ms / 1000
            for each, attempt in attempts
            if attempt.number == 1 and each.punctual
        ]
        count((tally.LATENESS, tally.bound(each)) for each in late)
        if late:
            self._tallies[tally.LATENESS_SUM, ""] += sum(late)  # type: ignore[assignment] # Counter adds floats as well


def _move(waiting: deque[_T], batch: deque[_T]) -> None:
    while waiting and len(batch) < _BATCH:
        batch.append(waiting.popleft())


def _outcome(reply: Reply) -> str:
    return reply.error or f"{(reply.status or 0) // 100}xx"


def _line(settlement: Settlement, attempt: Attempt) -> dict[str, Any]:
    """The one wide line of an attempt."""
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
        "detail": reply.error_detail,
        "dns_ms": timing.dns,
        "connect_ms": timing.connect,
        "tls_ms": timing.tls,
        "first_byte_ms": timing.first_byte,
        "total_ms": timing.total,
        "outcome": settlement.state or ("retry" if settlement.within is None else "later"),
        "retry_at": settlement.retry_at,
        "reason": settlement.reason,
    }
