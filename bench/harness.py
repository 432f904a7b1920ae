"""Harness: the instance, receiver and account that every phase measures, and steps they share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from app.config import Settings, load
from app.domain import counters
from app.domain.run import RunState
from bench import bookings, processor
from bench.bookings import Batch
from bench.children import Failed
from bench.instance import Account, Instance
from bench.plan import Plan
from bench.receiver import Receiver

Progress = Callable[[str], None]
Findings = dict[str, Any]

MISSED_AIMS: Final = "missed_aims"
"""What a phase found above its aim, a line for each; the benchmark then exits with 1."""

_POLL_S: Final = 0.1
_STUCK_S: Final = 60.0
_REST_S: Final = 120.0
_IDLE: Final = 0.2
_ATTEMPTS: Final = 3
KINDS: Final = {
    "web": "web",
    "scheduler": "scheduler",
    "worker": "worker",
    "postgres": "postgresql",
    "valkey": "valkey",
    "receiver": "receiver",
}
"""Kinds of process, as the results name them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fired:
    """The outcome of booked jobs; it exists only if each fired exactly once.

    `seconds` from the first instant to the last settlement; CPU in seconds by kind of process.
    """

    count: int
    first: datetime
    seconds: float
    cpu: dict[str, float]

    @property
    def per_s(self) -> float:
        """Runs settled a second."""
        return self.count / self.seconds

    def cpu_us(self) -> dict[str, float]:
        """Microseconds of CPU per callback by kind of process, and in total."""
        each = {name: round(self.cpu[kind] / self.count * 1e6, 1) for kind, name in KINDS.items()}
        return {**each, "total": round(sum(each.values()), 1)}


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchHarness:
    """The instance, its receiver and account, and how much to measure."""

    plan: Plan
    instance: Instance
    receiver: Receiver
    account: Account
    connection: psycopg.Connection

    def now(self) -> datetime:
        """The database's clock, which judges what is due."""
        found: datetime = self.value("SELECT clock_timestamp()")
        return found

    def value(self, query: str, *parameters: Any) -> Any:  # noqa: ANN401 - whatever the column holds
        """The only value of the only row. Raises Failed where there is none."""
        row = self.connection.execute(query, parameters).fetchone()
        if row is None:
            raise Failed(f"no row for {query}")
        return row[0]

    def succeeded(self) -> int:
        """Runs that succeeded since the database was made, counted as they settle."""
        return int(
            self.value(
                "SELECT coalesce(max(total), 0) FROM tally WHERE name = %s AND label = %s",
                counters.RUN,
                RunState.SUCCEEDED,
            )
        )

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by kind of process; `claims` are PostgreSQL's for the scheduler."""
        found = self.connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'wakecall scheduler'"
        ).fetchall()
        claims = processor.used({f"{pid}": pid for (pid,) in found})
        return {
            **self.instance.cpu(),
            "receiver": self.receiver.cpu(),
            "claims": sum(claims.values()),
        }

    @property
    def settings(self) -> Settings:
        """Those of the instance, but for its servers."""
        return load({**self.instance.environment, "DATABASE_URL": "postgresql://"})

    def purge(self) -> None:
        """Leave no job, run or attempt; calls under way end by themselves."""
        bookings.purge(self.connection)

    def batch(self, count: int, *, per_s: float = 0.0, ahead_s: float = 0.0, **how: Any) -> Batch:  # noqa: ANN401 - handed through to Batch
        """Jobs of the account: at one instant, or `per_s` a second from then on.

        The first is due once all can be booked, and `ahead_s` later.
        """
        ahead = timedelta(seconds=bookings.seconds_for(count) + ahead_s)
        return Batch(
            **{"accounts": [self.account.id], "port": self.receiver.plain, **how},
            count=count,
            first=self.now() + ahead,
            step=timedelta(seconds=1 / per_s) if per_s else timedelta(),
        )

    def fire(
        self, make: Callable[[], Batch], progress: Progress, *, answered: int | None = None
    ) -> Fired:
        """Book what `make` says, in time, and return once it has fired; then check that it did.

        `answered` is how many of them will succeed, all of them where it is not given. Raises
        Failed where one is missing, came twice or early, or nothing moves for a minute.
        """
        batch = self._booked(make, answered, progress)
        expected = batch.count if answered is None else answered
        before = self.succeeded()
        self._sleep_until(batch.first - timedelta(seconds=0.5), progress)
        cpu, calls = self.cpu(), self.receiver.count()
        self._await(before + expected, expected, progress)
        used = processor.since(cpu, self.cpu())
        seconds = self._checked(batch, expected)
        arrived = self.receiver.count() - calls
        if answered is None and arrived != expected:
            raise Failed(f"{arrived} calls came for {expected} jobs")
        return Fired(count=expected, first=batch.first, seconds=seconds, cpu=used)

    def rest(self, progress: Progress) -> None:
        """Return once the instance does next to nothing: no writing back, no vacuuming."""
        give_up = time.monotonic() + _REST_S
        while time.monotonic() < give_up:
            before = self.instance.cpu()
            time.sleep(1.0)
            if sum(processor.since(before, self.instance.cpu()).values()) < _IDLE:
                return
            progress("waiting for the instance to come to rest")

    def _booked(self, make: Callable[[], Batch], expected: int | None, progress: Progress) -> Batch:
        for _ in range(_ATTEMPTS):
            batch = make()
            before = self.succeeded()
            bookings.book(self.connection, batch, progress)
            if self.now() < batch.first - timedelta(seconds=0.6):
                return batch
            # The machine was busy: some were due before the last was booked.
            count = batch.count if expected is None else expected
            self._await(before + count, count, lambda _text: progress("booked too late; once more"))
            self.receiver.forget()
        raise Failed(f"{batch.count} jobs cannot be booked in time on this machine")

    def _sleep_until(self, instant: datetime, progress: Progress) -> None:
        while (left := (instant - self.now()).total_seconds()) > 0:
            progress(f"due in {left:.0f} s")
            time.sleep(min(left, 0.5))

    def _await(self, total: int, expected: int, progress: Progress) -> None:
        moved, last = time.monotonic(), -1
        while (reached := self.succeeded()) < total:
            if reached != last:
                moved, last = time.monotonic(), reached
            elif time.monotonic() - moved > _STUCK_S:
                raise Failed(f"{total - reached} of {expected} runs do not come to an end")
            progress(f"{expected - (total - reached):,} of {expected:,} settled")
            time.sleep(_POLL_S)

    def _checked(self, batch: Batch, expected: int) -> float:
        """Seconds from the first instant to the last settlement, once all is as it must be."""
        row = self.connection.execute(
            """
            SELECT count(*), count(DISTINCT job_id),
                   count(*) FILTER (WHERE attempts = 1),
                   extract(epoch FROM max(settled_at) - %(first)s)::float8
            FROM run WHERE account_id = ANY(%(accounts)s) AND state = 'succeeded'
              AND due_at >= %(first)s
            """,
            {"first": batch.first, "accounts": batch.accounts},
        ).fetchone()
        early = self.value("SELECT count(*) FROM attempt WHERE started_at < due_at")
        if row is None or row[:3] != (expected, expected, expected) or early:
            raise Failed(
                f"of {expected} jobs history has {row and row[:3]} (runs, jobs, at the first "
                f"attempt); {early} were early"
            )
        return float(row[3])
