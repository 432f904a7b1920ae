"""Crashes: one short scenario, played again and again with a death at each of its moments."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Final

from tests.simulation.clients import Life
from tests.simulation.dapr.clients import APPS
from tests.simulation.dapr.life import DaprLife, Policy, Ticks
from tests.simulation.fusion.life import Follow, FusionLife, FusionSchedule
from tests.simulation.items import Item
from tests.simulation.plan import Plan
from tests.simulation.receivers import Habits
from tests.simulation.schedules import Never, Once, Schedule
from tests.simulation.world import World

PLAN: Final = Plan(
    days=0.02,
    recurring=0,
    once=0,
    dapr=0,
    fusion=0,
    change=0,
    dapr_change=0,
    fusion_change=0,
    redelivery=0,
    rotation=0,
    fault=0,
    single=0,
    close=0,
    missed=0,
    taken=0,
    stale=0,
    dapr_failing=0,
    fusion_aborted=0,
    most_moments=80_000,
)
_RETRY: Final = {"maxAttempts": 6, "schedule": [1, 5]}
_EVERY: Final = Schedule(hours=(0,), minutes=(5, 15, 25), zone="UTC")


def draw_each_kind(
    world: World, _plan: Plan, _seed: int, _items: Iterable[Item], _until: float
) -> None:
    """A job of each kind, and each change, within half an hour."""
    world.dapr.put_apps()
    world.fusion.put_runners()
    _recurring(world)
    _one_time(world, "/good", Habits(), 2.0)
    _one_time(world, "/flaky", Habits(failures=2, ways=("500", "reset")), 2.2)
    _one_time(world, "/later", Habits(later=3.0), 2.4)
    _one_time(world, "/at-once-later", Habits(latency=(0.5, 0.5), later=0.0), 2.6)
    _one_time(world, "/slow", Habits(latency=(8.0, 8.0)), 3.0)
    _dapr(world, "series", Habits(), Ticks(every=timedelta(milliseconds=30), repeats=6))
    _dapr(world, "tries", Habits(failures=2), Ticks(every=timedelta(seconds=20), repeats=2))
    _chain(world)


def _recurring(world: World) -> None:
    clients = world.clients
    lives = {
        what: Life(path=f"/{what}", body=what.encode(), misfire="one")
        for what in ("kept", "replaced", "paused", "deleted", "fired")
    }
    for number, life in enumerate(lives.values()):
        world.around.receivers.habits[life.path] = Habits()
        world.at(1.0 + number * 0.1, partial(clients.book, life, _EVERY, retry=_RETRY))
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


def _dapr(world: World, name: str, habits: Habits, ticks: Ticks) -> None:
    life = DaprLife(name, APPS[0], Policy(interval=1.0, retries=3))
    world.around.receivers.habits[life.path] = habits
    world.at(4.0, lambda: world.dapr.book(life, ticks))


def _chain(world: World) -> None:
    """A datasource by time, a task after its success, and one after its abort."""
    first = FusionLife("first", "datasource")
    second, third = FusionLife("second", "task"), FusionLife("third", "task")
    world.around.receivers.habits[first.path] = Habits(latency=(0.3, 0.3))
    world.around.receivers.habits[second.path] = Habits(failures=1)
    fusion = world.fusion
    world.at(5.0, lambda: fusion.book(first, FusionSchedule(times=_EVERY)))
    for life, state in ((second, "succeeded"), (third, "cancelled")):
        follow = Follow(first.resource, frozenset({state}))
        schedule = FusionSchedule(times=Never(), follows=(follow,))
        world.at(5.1, partial(fusion.book, life, schedule))
    world.at(900.1, lambda: fusion.act(first, "abort"))
    world.at(1100.0, lambda: fusion.act(second, "start"))
