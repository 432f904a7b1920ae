"""Faults: what a seed draws of processes that die or stand still, and of what is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.simulation.clients import Booked, Life
from tests.simulation.dapr.life import DaprLife
from tests.simulation.notifications import DELAY_S
from tests.simulation.parts import Part
from tests.simulation.processes import SimulatedWorker
from tests.simulation.receivers import Arrival
from tests.simulation.schedules import Schedule, draw_schedule
from tests.simulation.world import World

_KINDS: Final = (
    "kill",
    "kill-at-effect",
    "kill-at-effect",
    "pause",
    "pause-caller",
    "pause-caller",
    "pause-taker",
    "kill-caller",
    "cut",
    "lossy",
    "queue-away",
    "app-away",
    "outage",
)
TAKEN_AHEAD_S: Final = 0.4
"""How long before its time a run has not been taken yet, but soon is."""

_LONG_S: Final = 2.0
_JOBS: Final = ("recurring", "once", "dapr", "fusion")


def draw_fault(part: Part) -> None:
    """A fault that meets the next firing of some job."""
    chance = part.chance
    what = chance.choice(_KINDS)
    strike = _STRIKES[what](part)
    offset = chance.uniform(-0.5, 0.5)
    if what == "outage" and chance.random() < 0.7:
        offset = chance.uniform(-60.0, -0.5)
    aim = part.aim(_AIMS.get(what, _JOBS))

    def choose() -> None:
        booked = aim(lambda each: not each.is_gone() and part.ahead(each, 8) is not None)
        ahead = None if booked is None else part.ahead(booked, 8)
        part.later((ahead or 0.0) + offset, lambda: strike(booked))

    part.at(part.moment(), choose)


_AIMS: Final = {"app-away": ("dapr",), "outage": ("recurring",)}

Strike = Callable[[Booked | None], None]


def _named(part: Part, do: Callable[[str], None]) -> Strike:
    """A fault of one of the schedulers and workers that run."""
    pick = part.chance.random()

    def strike(_booked: Booked | None) -> None:
        names = sorted(part.world.running)
        if names:
            do(names[int(pick * len(names))])

    return strike


def _kill(part: Part) -> Strike:
    return _named(part, part.world.kill)


def _kill_at_effect(part: Part) -> Strike:
    moment = part.chance.randint(1, 120)

    def strike(_booked: Booked | None) -> None:
        part.world.note_incident(60.0, "a process is to be killed")
        effects = part.world.around.effects
        effects.kill_at = effects.moments + moment

    return strike


def _pause(part: Part) -> Strike:
    seconds = part.chance.choice([0.5, 3.0, 8.0, 20.0])
    return _named(part, lambda name: pause(part.world, name, seconds))


def _pause_caller(part: Part) -> Strike:
    """Stop a worker beyond its lease while its call is under way."""
    seconds = part.chance.choice([5.6, 6.5, 8.0, 12.0])
    after = part.chance.choice([0.0, 0.0, 0.5, 2.0])

    def do(world: World, name: str) -> None:
        pause(world, name, seconds)

    return lambda _booked: _at_next_call(part.world, after, do, least=_LONG_S)


def _pause_taker(part: Part) -> Strike:
    """Stop a worker beyond its lease when it has taken runs, before their calls."""
    seconds = part.chance.choice([5.3, 6.5, 8.0, 12.0])
    return lambda _booked: pause_next_taker(part.world, seconds)


def pause_next_taker(world: World, seconds: float) -> None:
    """Stop the worker that takes the next runs, before it calls any of them."""
    at_next_take(world, lambda name: pause(world, name, seconds))


def at_next_take(world: World, do: Callable[[str], None]) -> None:
    """Do something with the name of the worker that takes the next runs, before their calls."""
    around, before = world.around, world.around.on_take

    def on_take(name: str) -> None:
        around.on_take = before
        before(name)
        world.at(world.clock.passed, lambda: do(name.partition(".")[0]))

    around.on_take = on_take


def _kill_caller(part: Part) -> Strike:
    """Kill a worker during a call, or before its answer is settled."""
    after = part.chance.choice([0.0, 0.02, 0.1, 0.3, 1.0])
    return lambda _booked: _at_next_call(part.world, after, World.kill)


def _at_next_call(
    world: World, after: float, do: Callable[[World, str], None], least: float = 0.0
) -> None:
    """Let a fault meet the worker that makes the next call which takes `least` seconds or more."""
    receivers = world.around.receivers
    before = receivers.on_arrival

    def strike(arrival: Arrival) -> None:
        before(arrival)
        if arrival.ended_at - arrival.at < least:
            return
        receivers.on_arrival = before
        name = arrival.worker.partition(".")[0]
        world.at(world.clock.passed + after, lambda: do(world, name))

    receivers.on_arrival = strike


def pause(world: World, name: str, seconds: float) -> None:
    """Stop a process as SIGSTOP does, if it runs."""
    process = world.running.get(name)
    if process is None:
        return
    world.note_incident(seconds + 15.0, "is paused", process.process.name)
    process.paused_until = world.clock.passed + seconds
    if isinstance(process, SimulatedWorker):
        world.at(process.paused_until, lambda: None)


def _cut(part: Part) -> Strike:
    """Let the database not answer a process."""
    seconds = part.chance.choice([0.5, 3.0, 8.0, 20.0])
    world = part.world

    def do(name: str) -> None:
        process = world.running[name].process
        world.note_incident(seconds + 15.0, "has no database", process.name)
        process.cut_off = True

        def heal() -> None:
            process.cut_off = False

        part.later(seconds, heal)

    return _named(part, do)


def _outage(part: Part) -> Strike:
    """Kill all processes but the web, and start them again later; a client may change the job.

    So a job is changed whose firings no scheduler has claimed.
    """
    seconds = part.chance.choice([0.1, 2.0, 40.0]) * 3600
    schedule = draw_schedule(part.chance)
    changed_after = part.chance.choice([None, 0.3, 0.6])
    world = part.world

    def strike(booked: Booked | None) -> None:
        begin_outage(world, seconds)
        if changed_after is not None and isinstance(booked, Life):
            part.later(seconds * changed_after, lambda: change(booked))

    def change(life: Life) -> None:
        if not (life.is_gone() or life.is_paused()) and isinstance(life.schedule, Schedule):
            world.clients.replace(life, schedule)

    return strike


def begin_outage(world: World, seconds: float) -> None:
    """Kill all processes but the web, and start none for so long."""
    world.note_incident(seconds + 30.0, "an outage")
    world.down_until = world.clock.passed + seconds
    for name in sorted(world.running):
        world.kill(name)


def _lossy(part: Part) -> Strike:
    """Let the queue lose, repeat and delay batches."""
    seconds = part.chance.choice([0.5, 3.0, 8.0, 20.0])
    conditions = part.world.around.notifications.conditions

    def heal() -> None:
        conditions.lost, conditions.repeated, conditions.delay = 0.0, 0.0, DELAY_S

    def strike(_booked: Booked | None) -> None:
        part.world.note_incident(seconds + 10.0, "the queue loses and repeats")
        conditions.lost, conditions.repeated, conditions.delay = 0.5, 0.5, 4.0
        part.later(seconds, heal)

    return strike


def _queue_away(part: Part) -> Strike:
    """Let the queue lose all, and take nothing."""
    seconds = part.chance.choice([0.5, 3.0, 8.0, 20.0])
    notifications = part.world.around.notifications

    def heal() -> None:
        notifications.conditions.away = False

    def strike(_booked: Booked | None) -> None:
        part.world.note_incident(seconds + 10.0, "the queue is away")
        notifications.flush()
        notifications.conditions.away = True
        part.later(seconds, heal)

    return strike


def _app_away(part: Part) -> Strike:
    """Let nobody connect to a Dapr app."""
    seconds = part.chance.choice([0.5, 5.0, 90.0, 3 * 3600.0])

    def strike(booked: Booked | None) -> None:
        if isinstance(booked, DaprLife):
            part.world.set_away(booked.app.address, seconds)

    return strike


_STRIKES: Final[dict[str, Callable[[Part], Strike]]] = {
    "kill": _kill,
    "kill-at-effect": _kill_at_effect,
    "pause": _pause,
    "pause-caller": _pause_caller,
    "pause-taker": _pause_taker,
    "kill-caller": _kill_caller,
    "cut": _cut,
    "lossy": _lossy,
    "queue-away": _queue_away,
    "app-away": _app_away,
    "outage": _outage,
}
