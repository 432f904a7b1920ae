"""Crashes: one short scenario, played again and again with a death at each of its moments."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from tests.simulation.clients import Life
from tests.simulation.receivers import Habits
from tests.simulation.scenario import Plan
from tests.simulation.schedules import Once, Schedule
from tests.simulation.world import World

PLAN: Final = Plan(days=0.02, recurring=0, one_time=0, changes=0, faults=0, most_moments=60_000)
_RETRY: Final = {"maxAttempts": 6, "schedule": [1, 5]}


def draw_each_kind(world: World, _plan: Plan, _seed: int) -> None:
    """A job of each kind, and each change, within half an hour."""
    _recurring(world)
    _one_time(world, "/good", Habits(), 2.0)
    _one_time(world, "/flaky", Habits(failures=2, ways=("500", "reset")), 2.2)
    _one_time(world, "/later", Habits(later=3.0), 2.4)
    _one_time(world, "/at-once-later", Habits(latency=(0.5, 0.5), later=0.0), 2.6)
    _one_time(world, "/slow", Habits(latency=(8.0, 8.0)), 3.0)


def _recurring(world: World) -> None:
    every = Schedule(hours=(0,), minutes=(5, 15, 25), zone="UTC")
    clients = world.clients
    lives = {
        what: Life(path=f"/{what}", body=what.encode(), misfire="one")
        for what in ("kept", "replaced", "paused", "deleted", "fired")
    }
    for number, life in enumerate(lives.values()):
        world.around.receivers.habits[life.path] = Habits()
        world.at(1.0 + number * 0.1, lambda life=life: clients.book(life, every, retry=_RETRY))  # type: ignore[misc]
    later = Schedule(hours=(0,), minutes=(7, 27), second=30, zone="UTC")
    world.at(299.8, lambda: clients.replace(lives["replaced"], later))
    world.at(299.9, lambda: clients.pause(lives["paused"]))
    world.at(1000.0, lambda: clients.resume(lives["paused"]))
    world.at(300.02, lambda: clients.delete(lives["deleted"]))
    world.at(299.95, lambda: clients.fire(lives["fired"]))


def _one_time(world: World, path: str, habits: Habits, at: float) -> None:
    life = Life(path=path, body=path.encode(), misfire="one")
    world.around.receivers.habits[path] = habits

    def book() -> None:
        due = world.clock.now + timedelta(seconds=1)
        world.clients.book(life, Once(at=due.replace(microsecond=0)), retry=_RETRY)

    world.at(at, book)
