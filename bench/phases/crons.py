"""Crons: recurring jobs, each with an expression of its own, that all fire at one instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations, islice, product
from typing import Final

from bench.bookings import Batch
from bench.children import Failed
from bench.figures import lateness, rounded
from bench.harness import BenchHarness, Findings, Progress
from bench.phases.steady import check

_LAST_DAY: Final = 31


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """Rate and scheduler's cost of claiming and re-arming them, and how late the calls are."""
    harness.receiver.forget()
    fired = harness.fire(lambda: _batch(harness), progress)
    armed = harness.value("SELECT count(*) FROM due WHERE recurring AND next_at > %s", fired.first)
    if armed != fired.count:
        raise Failed(f"{armed} of {fired.count} recurring jobs have a next firing")
    arrivals = harness.receiver.arrivals(fired.count)
    check(arrivals, fired.count)
    cpu = fired.cpu_us()
    return {
        "details": {
            "crons": {
                "per_s": rounded(fired.per_s),
                "lateness_ms": lateness([each.late for each in arrivals]).document(),
                "scheduler_us": cpu["scheduler"],
                "cpu_us": cpu,
            }
        }
    }


def expressions(instant: datetime, count: int) -> list[str]:
    """So many different expressions that all fire at `instant` (UTC, a whole second).

    They differ in the further hours, days and months at which they fire.
    """
    hours = [hour for hour in range(24) if hour != instant.hour]
    days = [day for day in range(1, _LAST_DAY + 1) if day != instant.day]
    months = [month for month in range(1, 13) if month != instant.month]
    start = f"{instant.second} {instant.minute} {instant.hour}"
    made = (
        f"{start},{hour} {instant.day},{first},{second} {instant.month},{month} ?"
        for (first, second), hour, month in product(combinations(days, 2), hours, months)
    )
    found = list(islice(made, count))
    if len(found) < count:
        raise ValueError(f"there are only {len(found)} such expressions")
    return found


def _batch(harness: BenchHarness) -> Batch:
    batch = harness.batch(harness.plan.crons, ahead_s=1.0, port=harness.receiver.timed)
    first = (batch.first + timedelta(seconds=1)).replace(microsecond=0)
    return replace(batch, first=first, expressions=expressions(first, batch.count))
