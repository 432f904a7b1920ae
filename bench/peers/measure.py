"""Measure: bookings, an even rate and a drain of one peer, by what reaches the receiver."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bench.bookings import BODY_BYTES
from bench.children import Failed
from bench.figures import lateness, rounded
from bench.harness import Progress
from bench.peers.jobs import Batch
from bench.peers.peer import Book
from bench.phases.steady import WARM_UP_S, after
from bench.plan import Plan
from bench.receiver import ADDRESSES, Arrival, Receiver

_PILOT: Final = 100
_PILOT_PER_S: Final = 50.0
_AHEAD_S: Final = 2.0
_SLACK: Final = 2.0
_ATTEMPTS: Final = 3
_LEAST: Final = 100
# Quirrel's server takes 10,000 requests a minute, whatever it is told.
_MOST: Final = 2_500
_DAY_S: Final = 86_400.0
_PATIENCE_S: Final = 75.0
_LOOK_S: Final = 0.5
# The receiver's clock is cut to the millisecond, and read before the call is.
_CLOCK_S: Final = 0.002


@dataclass(frozen=True, kw_only=True, slots=True)
class Fired:
    """What came of a batch: each call as it came first, and how many came again."""

    batch: Batch
    booked_s: float
    arrivals: list[Arrival]
    again: int

    @property
    def early(self) -> int:
        """Calls that came before their instant."""
        return sum(each.late < -_CLOCK_S for each in self.arrivals)


def measure(book: Book, receiver: Receiver, plan: Plan, progress: Progress) -> dict[str, Any]:
    """Figures of a running peer. Raises Failed where calls do not come."""
    fire = Fire(book, receiver, progress)
    pilot = fire("warming up", _PILOT, _PILOT_PER_S, booking_s=1.0)
    a_job = pilot.booked_s / _PILOT
    calls = int(plan.peer_rate * (plan.peer_s + WARM_UP_S))
    steady = fire("even rate", calls, plan.peer_rate, booking_s=calls * a_job)
    jobs = plan.peer_jobs
    drain = fire("drain", jobs, 0.0, booking_s=jobs * steady.booked_s / calls)
    late = lateness(after(steady.arrivals, steady.batch.first + timedelta(seconds=WARM_UP_S)))
    return {
        "drain_per_s": rounded(jobs / max(each.late for each in drain.arrivals)),
        "lateness_p99_ms": late.p99,
        "creates_per_s": rounded(_creates(fire, plan, jobs / drain.booked_s)),
        "lateness_ms": late.document(),
        "early": steady.early + drain.early,
        "again": steady.again + drain.again,
    }


def _creates(fire: Fire, plan: Plan, about_per_s: float) -> float:
    """Bookings a second of jobs that are not due for a day, in two batches."""
    count = min(max(int(about_per_s * plan.create_s / 2), _LEAST), _MOST)
    return 2 * count / sum(fire.ahead(f"creates-{n}", count) for n in range(2))


class Fire:
    """Books batches ahead of their instants and collects what comes of them."""

    def __init__(self, book: Book, receiver: Receiver, progress: Progress) -> None:
        self._book = book
        self._receiver = receiver
        self._progress = progress

    def ahead(self, label: str, count: int) -> float:
        """Book jobs for tomorrow, and return the seconds that it took."""
        self._progress(f"{label}: booking {count:,} jobs")
        return self._book(self._batch(label, count, 0.0, ahead_s=_DAY_S))

    def __call__(self, label: str, count: int, per_s: float, *, booking_s: float) -> Fired:
        """Book, in time where booking takes about so long, and wait until all have come."""
        ahead_s = _AHEAD_S + _SLACK * booking_s
        for n in range(_ATTEMPTS):
            self._progress(f"{label}: booking {count:,} jobs")
            batch = self._batch(f"{label.replace(' ', '-')}-{n}", count, per_s, ahead_s=ahead_s)
            self._receiver.forget()
            booked_s = self._book(batch)
            in_time = datetime.now(UTC) < batch.first
            arrivals, again = self._collect(batch, lambda text: self._progress(f"{label}: {text}"))
            if in_time:
                return Fired(batch=batch, booked_s=booked_s, arrivals=arrivals, again=again)
            # Some were due before the last was booked: it takes longer than was thought.
            ahead_s = _AHEAD_S + _SLACK * booked_s
        raise Failed(f"{count} jobs cannot be booked in time on this machine")

    def _batch(self, label: str, count: int, per_s: float, *, ahead_s: float) -> Batch:
        return Batch(
            label=label,
            count=count,
            first_ms=round((time.time() + ahead_s) * 1000),
            per_s=per_s,
            addresses=ADDRESSES,
            port=self._receiver.timed,
            size=BODY_BYTES,
        )

    def _collect(self, batch: Batch, progress: Callable[[str], None]) -> tuple[list[Arrival], int]:
        arrived: dict[str, Arrival] = {}
        total = 0
        until = batch.last + timedelta(seconds=_PATIENCE_S)
        while len(arrived) < batch.count:
            left = batch.count - len(arrived)
            for each in self._receiver.arrivals(left, patience_s=_LOOK_S):
                if batch.first <= each.due <= batch.last:
                    total += 1
                    arrived.setdefault(each.run, each)
            progress(f"{len(arrived):,} of {batch.count:,} calls came")
            if datetime.now(UTC) > until:
                raise Failed(
                    f"{len(arrived)} of {batch.count} calls came within {_PATIENCE_S:g} s of their "
                    "instant"
                )
        return list(arrived.values()), total - len(arrived)
