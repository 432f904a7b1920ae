"""Faults of clocks: the wall clock of one process is set forward and back, while it runs."""

from __future__ import annotations

import time
from random import Random
from typing import Final

from tests.chaos.deployment import SHIFTABLE, Deployment
from tests.chaos.fault import Fault
from tests.chaos.process_clock import NO_COMPILER

_STEPS_S: Final = (3600, -3600, 40, -40, 86_400 * 400)


def _set(made: Deployment, random: Random, seconds: float) -> None:
    clock = made.clocks[random.choice(SHIFTABLE)]
    steps = random.sample(_STEPS_S, 2)
    for step in (*steps, 0):
        clock.set(step)
        time.sleep(seconds / 3)


def _has_none(made: Deployment) -> str:
    return "" if made.clocks else NO_COMPILER


FAULTS: Final = (
    Fault(
        "clock",
        f"the clock of {SHIFTABLE[0]}, {SHIFTABLE[1]} or {SHIFTABLE[2]} is set, twice, and right",
        _set,
        frozenset({"clock"}),
        left_out=_has_none,
    ),
)
