"""Lateness: histograms of first attempts, and the percentiles of an account's accuracy."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

PERIOD: Final = timedelta(minutes=5)
"""The time that one stored histogram covers; hours and days begin at its bounds."""

KEPT_FOR: Final = timedelta(days=8)
"""How long stored histograms are kept."""

_FINEST_MS: Final = 0.1
_MAX_MS: Final = 3_600_000.0
_BUCKETS_PER_DECADE: Final = 24
_STEPS: Final = math.ceil(_BUCKETS_PER_DECADE * math.log10(_MAX_MS / _FINEST_MS))

BOUNDS: Final = tuple(
    round(_FINEST_MS * 10 ** (step / _BUCKETS_PER_DECADE), 4) for step in range(_STEPS + 1)
)
"""Upper bounds in milliseconds, from 0.1 ms to an hour, each 10.1 % above the one before. One more
bucket counts attempts that are later."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram:
    """Numbers of first attempts by bucket, in the order of BOUNDS, and the greatest lateness."""

    counts: Sequence[int]
    most_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Lateness in milliseconds of all `deliveries` since an instant; None if there are none."""

    since: datetime
    deliveries: int
    p50: float | None
    p95: float | None
    p99: float | None
    maximum: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracy:
    """An account's last hour and last day, as of an instant of the database's clock."""

    as_of: datetime
    hour: Window
    day: Window


def bucket(lateness_ms: float) -> int:
    """Return the index of the bucket that counts this lateness."""
    return bisect_left(BOUNDS, lateness_ms)


def window(since: datetime, histograms: Iterable[Histogram]) -> Window:
    """Return the percentiles of all histograms together."""
    counts = [0] * (len(BOUNDS) + 1)
    maximum = 0.0
    for each in histograms:
        maximum = max(maximum, each.most_ms)
        for index, count in enumerate(each.counts):
            counts[index] += count
    running = list(accumulate(counts))
    total = running[-1]
    if total == 0:
        return Window(since=since, deliveries=0, p50=None, p95=None, p99=None, maximum=None)
    p50, p95, p99 = (_percentile(running, maximum, hundredths) for hundredths in (50, 95, 99))
    return Window(since=since, deliveries=total, p50=p50, p95=p95, p99=p99, maximum=maximum)


def _percentile(running: Sequence[int], maximum: float, hundredths: int) -> float:
    """Return the upper bound of the bucket with the nearest rank: at least the true percentile."""
    rank = -(-running[-1] * hundredths // 100)
    index = bisect_left(running, rank)
    return min(BOUNDS[index], maximum) if index < len(BOUNDS) else maximum
