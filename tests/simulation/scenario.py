"""Scenario: what a seed draws: jobs, what clients do to them, how receivers answer, and faults."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tests.simulation.checker import WAITS_S
from tests.simulation.clients import Life
from tests.simulation.notifications import DELAY_S
from tests.simulation.processes import SimulatedWorker
from tests.simulation.receivers import Habits
from tests.simulation.schedules import Once, Schedule, draw_schedule
from tests.simulation.world import World

DAY: Final = 86_400.0
_RETRY: Final = {"maxAttempts": 6, "schedule": list(WAITS_S)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much a simulation plays; without `faults` nothing goes wrong but at receivers."""

    days: float = 365.0
    recurring: int = 12
    one_time: int = 60
    changes: int = 60
    faults: int = 40
    most_moments: int = 1_000_000
    """Round trips, counted twice, after which a simulation is given up."""

    @property
    def seconds(self) -> float:
        """The length of what is played."""
        return self.days * DAY


SHORT: Final = Plan(
    days=20.0, recurring=10, one_time=30, changes=60, faults=25, most_moments=200_000
)
"""A plan that takes seconds, in which as much meets as in the long one."""


def draw(world: World, plan: Plan, seed: int) -> None:
    """Put all of it into the script of the world."""
    chance = random.Random(f"scenario {seed}")
    for number in range(plan.recurring):
        _draw_recurring(world, plan, chance, number)
    for number in range(plan.one_time):
        _draw_one_time(world, plan, chance, number)
    for _ in range(plan.changes):
        world.at(_moment(plan, chance), _change(world, chance))
    for _ in range(plan.changes // 6):
        world.at(_moment(plan, chance), _redelivery(world, chance.random()))
    for _ in range(plan.faults):
        world.at(_moment(plan, chance), _fault(world, chance))


def _moment(plan: Plan, chance: random.Random) -> float:
    """A time in what is played."""
    return chance.uniform(0, plan.seconds)


def _draw_recurring(world: World, plan: Plan, chance: random.Random, number: int) -> None:
    life = Life(
        path=f"/recurring-{number}",
        body=f"recurring {number}".encode(),
        misfire=chance.choice(["one", "one", "all"]),
    )
    world.around.receivers.habits[life.path] = draw_habits(chance)
    schedule = draw_schedule(chance)
    begins = chance.uniform(0, plan.seconds / 20)
    world.at(begins, lambda: world.clients.book(life, schedule, retry=_RETRY))


def _draw_one_time(world: World, plan: Plan, chance: random.Random, number: int) -> None:
    life = Life(
        path=f"/once-{number}",
        body=f"once {number}".encode(),
        misfire="one",
    )
    world.around.receivers.habits[life.path] = draw_habits(chance)
    begins = chance.uniform(0, plan.seconds * 0.95)
    ahead = chance.choice([0.05, 0.25, 0.35, 1.0, 90.0, 86_400.0])

    def book() -> None:
        at = world.clock.now + timedelta(seconds=ahead)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        world.clients.book(life, Once(at=at), retry=_RETRY)

    world.at(begins, book)


def draw_habits(chance: random.Random) -> Habits:
    """How a receiver answers; each answers well in the end."""
    kind = chance.choice(["good", "good", "good", "flaky", "slow", "later"])
    if kind == "flaky":
        ways = tuple(chance.choice(["500", "503", "hang", "reset"]) for _ in range(3))
        return Habits(failures=chance.randint(1, 3), ways=ways)
    if kind == "slow":
        return Habits(latency=(2.0, 12.0))
    if kind == "later":
        return Habits(later=chance.choice([0.0, 3.0, 600.0]))
    return Habits()


def _change(world: World, chance: random.Random) -> Callable[[], None]:
    what = chance.choice(["replace", "pause", "pause", "delete", "fire"])
    offset = chance.choice([-0.4, -0.25, -0.2, -0.15, -0.05, 0.0, 0.05, 0.3, 5.0])
    schedule = draw_schedule(chance)
    rest = chance.uniform(10.0, 20 * DAY)
    pick = chance.random()

    def choose() -> None:
        lives = [
            each
            for each in world.clients.lives
            if not each.is_gone() and not each.is_paused() and isinstance(each.schedule, Schedule)
        ]
        if not lives:
            return
        life = lives[int(pick * len(lives))]
        now = world.clock.now
        due = life.schedule.between(now, now + timedelta(days=40))
        ahead = (due[0] - now).total_seconds() + offset if due else 1.0
        world.at(max(world.clock.passed + ahead, world.clock.passed), lambda: change(life))

    def change(life: Life) -> None:
        if life.is_gone() or life.is_paused():
            return
        match what:
            case "replace":
                world.clients.replace(life, schedule)
            case "pause":
                world.clients.pause(life)
                world.at(world.clock.passed + rest, lambda: resume(life))
            case "delete" if len(world.clients.lives) > 4:
                world.clients.delete(life)
            case _:
                world.clients.fire(life)

    def resume(life: Life) -> None:
        if not life.is_gone():
            world.clients.resume(life)

    return choose


def _redelivery(world: World, pick: float) -> Callable[[], None]:
    """Let one of the last runs be called again."""

    def redeliver() -> None:
        if recent := world.around.receivers.arrivals[-12:]:
            world.clients.redeliver(recent[int(pick * len(recent))].run_id)

    return redeliver


def _fault(world: World, chance: random.Random) -> Callable[[], None]:
    what = chance.choice(
        ["kill", "kill-at-effect", "kill-at-effect", "pause", "cut", "lossy", "away", "outage"]
    )
    seconds = chance.choice([0.5, 3.0, 8.0, 20.0])
    offset = chance.uniform(-0.5, 0.5)
    hours = chance.choice([0.1, 2.0, 40.0])
    moment = chance.randint(1, 120)
    pick = chance.random()

    def choose() -> None:
        """Wait for the next firing, so that the fault meets one."""
        now = world.clock.passed
        due = [
            each
            for life in world.clients.lives
            if not life.is_gone()
            for each in life.schedule.between(world.clock.now, world.clock.now + timedelta(days=8))[
                :1
            ]
        ]
        ahead = (min(due) - world.clock.now).total_seconds() + offset if due else 0.0
        world.at(max(now, now + ahead), strike)

    def strike() -> None:
        names = sorted(world.running)
        if not names:
            return
        name = names[int(pick * len(names))]
        match what:
            case "kill":
                world.kill(name)
            case "kill-at-effect":
                world.note_incident(60.0, "a process is to be killed")
                effects = world.around.effects
                effects.kill_at = effects.moments + moment
            case "pause":
                _pause(world, name, seconds)
            case "cut":
                _cut(world, name, seconds)
            case "outage":
                _outage(world, hours * 3600)
            case _:
                _trouble(world, what, seconds)

    return choose


def _pause(world: World, name: str, seconds: float) -> None:
    """Stop a process as SIGSTOP does."""
    process = world.running[name]
    world.note_incident(seconds + 15.0, "is paused", process.process.name)
    process.paused_until = world.clock.passed + seconds
    if isinstance(process, SimulatedWorker):
        world.at(process.paused_until, lambda: None)


def _cut(world: World, name: str, seconds: float) -> None:
    """Let the database not answer a process."""
    process = world.running[name].process
    world.note_incident(seconds + 15.0, "has no database", process.name)
    process.cut_off = True

    def heal() -> None:
        process.cut_off = False

    world.at(world.clock.passed + seconds, heal)


def _outage(world: World, seconds: float) -> None:
    """Kill all processes, and start them again when that time has passed."""
    world.note_incident(seconds + 30.0, "an outage")
    world.down_until = world.clock.passed + seconds
    for name in sorted(world.running):
        world.kill(name)


def _trouble(world: World, what: str, seconds: float) -> None:
    """Let the queue lose and repeat batches, or be away."""
    world.note_incident(seconds + 10.0, f"the queue is {what}")
    conditions = world.around.notifications.conditions
    if what == "away":
        world.around.notifications.flush()
        conditions.away = True
    else:
        conditions.lost, conditions.repeated, conditions.delay = 0.5, 0.5, 4.0

    def heal() -> None:
        conditions.away = False
        conditions.lost, conditions.repeated, conditions.delay = 0.0, 0.0, DELAY_S

    world.at(world.clock.passed + seconds, heal)
