"""Uptime: the clock by which durations are measured, which cannot be set."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

read_uptime: Final[Callable[[], float]] = partial(
    # CLOCK_MONOTONIC of Linux stops while the machine is suspended: a lease that ran out then
    # would seem to be valid. Other systems have no CLOCK_BOOTTIME; most do not stop the clock.
    time.clock_gettime,
    getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC),
)
"""Return the seconds since the machine was started, its suspensions included. This clock never goes
back, even if the machine's wall clock is set."""
