"""Dapr jobs: what a seed draws of jobs, and of what their clients do to them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from tests.simulation.dapr.clients import APPS
from tests.simulation.dapr.life import DaprLife, Policy, Ticks
from tests.simulation.native_jobs import OFFSETS_S, draw_later
from tests.simulation.parts import Part
from tests.simulation.receivers import Habits
from tests.simulation.schedules import draw_schedule
from tests.simulation.world import World

_POLICIES: Final = (
    Policy(interval=1.0, retries=3),
    Policy(interval=0.0, retries=0),
    Policy(interval=0.0, retries=0),
    Policy(interval=3.0, retries=5),
    Policy(interval=0.0, retries=2),
    Policy(interval=2.0, retries=None),
)
_HOUR: Final = timedelta(hours=1)
_AHEAD_S: Final = 60.0

Timing = Callable[[datetime], Ticks]
"""The ticks of a job that is booked at that instant."""


def put_apps(world: World) -> None:
    """Configure the apps to which the calls of all jobs go."""
    world.dapr.put_apps()


def draw_job(part: Part) -> None:
    """A job of one of the apps."""
    chance = part.chance
    life = DaprLife(part.name, chance.choice(APPS), chance.choice(_POLICIES))
    part.receive(life.path, _draw_habits(chance))
    timing = draw_timing(chance)
    part.at(part.moment(0.9), lambda: part.world.dapr.book(life, timing(part.now)))


def draw_timing(chance: random.Random) -> Timing:
    """Ticks close together, hours or days apart, by a calendar, or a single one."""
    ahead = timedelta(milliseconds=chance.choice([50, 350, 1000, 90_000, 7_200_000]))
    has_first = chance.random() < 0.6
    kind = chance.choice(["series", "seconds", "hours", "days", "fields", "once"])
    every, repeats, lasts = _draw_pace(chance, kind)
    fields = draw_schedule(chance, twice=True) if kind == "fields" else None

    def timing(now: datetime) -> Ticks:
        first = now + ahead
        first = first.replace(microsecond=first.microsecond // 1000 * 1000)
        return Ticks(
            first=first if has_first or kind == "once" else None,
            every=every,
            fields=fields,
            repeats=repeats,
            lasts=lasts,
        )

    return timing


def _draw_pace(
    chance: random.Random, kind: str
) -> tuple[timedelta | None, int | None, timedelta | None]:
    """The time between two ticks, their number, and how long they go on."""
    match kind:
        case "series":
            return (
                timedelta(milliseconds=chance.choice([10, 30, 90, 250])),
                chance.randint(2, 40),
                None,
            )
        case "seconds":
            return timedelta(seconds=chance.choice([1, 2, 7])), chance.randint(2, 12), None
        case "hours":
            every = chance.choice([1.5, 6.0]) * _HOUR
            return every, None, every * chance.choice([2.0, 3.5, 6.0])
        case "days":
            return chance.choice([20, 36, 50]) * _HOUR, chance.choice([None, 3]), None
    return None, None, None


def draw_failing(part: Part) -> None:
    """A job with one tick, whose app fails slowly, and is called again without an end of retries.

    Where the number is odd, there is no retry, and nobody can connect to the app when it is due.
    """
    chance, world = part.chance, part.world
    is_away = part.item.number % 2 == 1
    policy = _POLICIES[1] if is_away else _POLICIES[-1]
    life = DaprLife(part.name, chance.choice(APPS), policy)
    habits = Habits() if is_away else Habits(latency=(2.5, 5.0), failures=3, ways=("500",))
    part.receive(life.path, habits)

    def book() -> None:
        ahead = _AHEAD_S - part.now.microsecond / 1_000_000
        world.dapr.book(life, Ticks(first=part.now + timedelta(seconds=ahead)))
        if is_away:
            part.later(ahead - 0.5, lambda: world.set_away(life.app.address, 3.0))

    part.at(part.moment(0.9), book)


def _draw_habits(chance: random.Random) -> Habits:
    match chance.choice(
        ["good", "good", "gone", "flaky", "slow", "slow", "tired", "tired", "later"]
    ):
        case "gone":
            return Habits(good=404)
        case "flaky":
            ways = tuple(chance.choice(["500", "503", "reset", "hang"]) for _ in range(3))
            return Habits(failures=chance.randint(1, 5), ways=ways)
        case "slow":
            return Habits(latency=(0.5, 4.0))
        case "tired":
            return Habits(latency=(3.0, 9.0), failures=chance.randint(1, 2), ways=("500",))
        case "later":
            return draw_later(chance)
    return Habits()


def draw_change(part: Part) -> None:
    """An overwrite or a deletion, mostly close to a tick."""
    chance, dapr = part.chance, part.world.dapr
    what = chance.choice(["overwrite", "overwrite", "delete"])
    offset = chance.choice(OFFSETS_S)
    timing = draw_timing(chance)
    aim = part.aim(["dapr"])

    def choose() -> None:
        life = aim(lambda each: not each.is_gone())
        if isinstance(life, DaprLife):
            ahead = part.ahead(life, 40)
            part.later(1.0 if ahead is None else ahead + offset, lambda: change(life))

    def change(life: DaprLife) -> None:
        if life.is_gone():
            return
        if what == "overwrite":
            dapr.overwrite(life, timing(part.now))
        else:
            dapr.delete(life)

    part.at(part.moment(), choose)
