"""Overview: a summary of an account's runs of a day and its next firings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.domain.attention import Failures, WaitingDestinations
from app.domain.lateness import Accuracy
from app.domain.run import SETTLED, RunState
from app.domain.run_counts import RunCount, RunCounts, Span, bucket_of
from app.domain.upcoming import Upcoming

STEP: Final = timedelta(minutes=30)
BARS: Final = 48
"""Buckets of the chart: a day."""

NEXT: Final = 10
"""The next firings that are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """What the first page of the console shows."""

    span: Span
    counts: RunCounts
    """Of the buckets of the span, the newest first."""
    accuracy: Accuracy
    under_way: int
    """Runs that are claimed, taken, waiting or running. It may be some seconds old."""
    failures: Failures
    held: WaitingDestinations
    upcoming: tuple[tuple[Upcoming, str | None], ...]
    """The next firings, and why each may be made later than it is due."""

    def total(self, *states: RunState) -> int:
        """Return how many runs of the span ended in these states."""
        return sum(each.numbers[state] for each in self.counts.counts for state in states)

    @property
    def is_empty(self) -> bool:
        """Whether nothing ran in the span, and nothing will."""
        return not (self.total(*SETTLED) or self.under_way or self.upcoming)


def day_until(now: datetime) -> Span:
    """Return the span of BARS buckets that ends with the bucket of `now`."""
    ends = bucket_of(now, STEP) + STEP
    return Span(begins=ends - BARS * STEP, ends=ends, step=STEP)


def merged(newest: RunCounts, earlier: Sequence[RunCount], span: Span) -> RunCounts:
    """Return the newest counts, continued by those of earlier buckets that were counted before."""
    oldest = newest.counts[-1].begins
    left = tuple(each for each in earlier if span.begins <= each.begins < oldest)
    begins = left[-1].begins if left else oldest
    return RunCounts(
        counts=(*newest.counts, *left), more_before=begins if begins > span.begins else None
    )
