"""Counters: the names of the counters that web processes, schedulers and workers share."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

LATENESS: Final = "lateness"
LATENESS_SUM: Final = "lateness_sum"
ATTEMPT: Final = "attempt"
RUN: Final = "run"
REPAIR: Final = "repair"
PARKED: Final = "parked"
MISSED: Final = "missed"
UNAUTHENTICATED: Final = "unauthenticated"

REFUSED: Final = "refused"
"""Label of UNAUTHENTICATED: the request had a key that is not valid, or is not a key."""

MISSING: Final = "missing"
"""Label of UNAUTHENTICATED: the request had no key."""
POSTPONED: Final = "postponed"
LOG_DROPPED: Final = "log_dropped"

CLOCK_STEP: Final = "clock_step"
FORWARD: Final = "forward"
BACK: Final = "back"

JOINED: Final = "joined"
"""Label of MISSED: a later run stands for the firing."""

LEFT_OUT: Final = "left-out"
"""Label of MISSED: the firing was too late for its job."""

BUCKETS: Final = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0),
)
"""Upper bounds of the lateness histogram, in seconds; +Inf follows the last."""

_BOUNDS: Final = (*(str(bound) for bound in BUCKETS), "+Inf")

Counters = Counter[tuple[str, str]]
"""Amounts by (name, label)."""


def bound(lateness: float) -> str:
    """The histogram bucket of a lateness in seconds, named by its upper bound."""
    return _BOUNDS[bisect_left(BUCKETS, lateness)]
