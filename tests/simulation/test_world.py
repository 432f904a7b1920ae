"""A world is given up where its processes are at work for long, and no call comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.clock import SimulatedClock
from tests.simulation.effects import Effects
from tests.simulation.processes import NEVER
from tests.simulation.receivers import Arrival
from tests.simulation.world import Endless, World, make_surroundings

HOUR = 3600.0


class Scheduler:
    """A process that has a turn each second, in which it gets nothing done."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._turn = 0.0

    def next_at(self) -> float:
        return self._turn

    def run(self) -> None:
        self._turn = self._clock.passed + 1.0

    def wake(self) -> None:
        """It never rests."""


class Overdue(World):
    """A world in which a row is due from the first hour on."""

    def _next_row(self) -> float:
        return HOUR


def world(calls_at: tuple[float, ...] = ()) -> World:
    clock = SimulatedClock()
    around = make_surroundings(clock, Effects(), "", "", 1)
    nothing: Any = None
    made = Overdue(around, nothing, nothing, nothing, nothing)
    process: Any = Scheduler(clock)
    made.running["scheduler-0"] = process

    def call() -> None:
        around.receivers.arrivals.append(Arrival(clock.passed, "worker-0.1", "/", {}, b""))

    for at in calls_at:
        made.at(at, call)
    return made


def test_what_is_due_and_never_called_is_endless() -> None:
    stuck = world()
    with pytest.raises(Endless):
        stuck.run(NEVER)
    assert HOUR < stuck.clock.passed < HOUR + 900


def test_calls_show_that_something_goes_on() -> None:
    going_on = world(tuple(HOUR + 500.0 * number for number in range(1, 9)))
    going_on.run(HOUR + 4500.0)
    assert len(going_on.around.receivers.arrivals) == 8


def test_nothing_goes_on_while_all_processes_are_down() -> None:
    down = world((HOUR + 4000.0,))
    down.running.clear()
    down.run(HOUR + 4000.0)
    assert down.clock.passed == HOUR + 4000.0
