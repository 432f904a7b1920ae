"""Uptime: the clock by which this machine measures durations, its suspensions included."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

read_uptime: Final[Callable[[], float]] = partial(
    # CLOCK_MONOTONIC of Linux stands still while the machine is suspended: a lease would seem to
    # run for as long as it was. Other systems have no CLOCK_BOOTTIME, and most count that time.
    time.clock_gettime,
    getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC),
)
"""Seconds since the machine was started. Never set back, whoever sets the machine's clock."""
