"""Native jobs: what a seed draws of jobs, changes, redeliveries and rotations of the native API."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Final

from tests.simulation.checker import WAITS_S
from tests.simulation.clients import Booked, Life
from tests.simulation.parts import Part
from tests.simulation.plan import DAY
from tests.simulation.receivers import Habits
from tests.simulation.schedules import Once, Schedule, draw_schedule

_RETRY: Final = {"maxAttempts": 6, "schedule": list(WAITS_S)}
_WAYS: Final = ("500", "503", "hang", "reset")

OFFSETS_S: Final = (-0.4, -0.28, -0.25, -0.22, -0.18, -0.15, -0.12, -0.05, 0.0, 0.05, 0.3, 5.0)
"""When a change comes, counted from a firing: it meets each step of the firing's way."""


def draw_recurring(part: Part) -> None:
    """A job with a schedule, booked near the beginning."""
    life = Life(
        path=f"/{part.name}",
        body=part.name.encode(),
        misfire=part.chance.choice(["one", "one", "all"]),
    )
    part.receive(life.path, draw_habits(part.chance))
    schedule = draw_schedule(part.chance)
    begins = part.moment(0.05)
    part.at(begins, lambda: part.world.clients.book(life, schedule, retry=_RETRY))


def draw_one_time(part: Part) -> None:
    """A job that is called once, booked at any time."""
    life = Life(path=f"/{part.name}", body=part.name.encode(), misfire="one")
    part.receive(life.path, draw_habits(part.chance))
    ahead = part.chance.choice([0.05, 0.25, 0.35, 1.0, 90.0, DAY])

    def book() -> None:
        at = part.now + timedelta(seconds=ahead)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        part.world.clients.book(life, Once(at=at), retry=_RETRY)

    part.at(part.moment(0.95), book)


def draw_habits(chance: random.Random) -> Habits:
    """How a receiver answers; each answers well in the end, but for results that it reports."""
    match chance.choice(["good", "good", "good", "flaky", "slow", "tired", "later", "later"]):
        case "flaky":
            return Habits(failures=chance.randint(1, 3), ways=_ways(chance))
        case "slow":
            return Habits(latency=(2.0, 12.0))
        case "tired":
            # A failure that takes long is still awaited when another worker has taken the run.
            return Habits(latency=(3.0, 9.0), failures=chance.randint(1, 2), ways=("500",))
        case "later":
            return draw_later(chance)
    return Habits()


def draw_later(chance: random.Random) -> Habits:
    """A receiver that reports its results later: soon after its answer, or before that."""
    return Habits(
        latency=chance.choice([(0.005, 0.3), (0.5, 2.0)]),
        later=chance.choice([-0.3, -0.02, 0.0, 0.02, 3.0, 600.0]),
        report=chance.choice(["succeeded", "succeeded", "failed", None]),
    )


def _ways(chance: random.Random) -> tuple[str, ...]:
    return tuple(chance.choice(_WAYS) for _ in range(3))


def draw_change(part: Part) -> None:
    """A change of some recurring job, mostly close to its next firing."""
    chance, clients = part.chance, part.world.clients
    what = chance.choice(["replace", "replace", "pause", "pause", "delete", "fire"])
    offset = chance.choice(OFFSETS_S)
    schedule = draw_schedule(chance)
    rest = chance.uniform(10.0, 20 * DAY)
    aim = part.aim(["recurring"])

    def choose() -> None:
        life = aim(_can_change)
        if isinstance(life, Life):
            ahead = part.ahead(life, 40)
            part.later(1.0 if ahead is None else ahead + offset, lambda: change(life))

    def change(life: Life) -> None:
        if not _can_change(life):
            return
        match what:
            case "replace":
                clients.replace(life, schedule)
            case "pause":
                clients.pause(life)
                part.later(rest, lambda: resume(life))
            case "delete" if sum(_can_change(each) for each in clients.lives) > 3:
                clients.delete(life)
            case _:
                clients.fire(life)

    def resume(life: Life) -> None:
        if not life.is_gone():
            clients.resume(life)

    part.at(part.moment(), choose)


def _can_change(life: Booked) -> bool:
    return (
        isinstance(life, Life)
        and not life.is_gone()
        and not life.is_paused()
        and isinstance(life.schedule, Schedule)
    )


def draw_redelivery(part: Part) -> None:
    """A request to call one of the last runs of some job again."""
    aim = part.aim(["recurring", "once", "dapr"])
    back = part.chance.randint(1, 3)

    def redeliver() -> None:
        arrivals = part.world.around.receivers.arrivals[-200:]
        called = {each.path.rpartition("/")[2] for each in arrivals}
        booked = aim(lambda each: each.name in called)
        if booked is None:
            return
        own = [each for each in arrivals if each.path.rpartition("/")[2] == booked.name]
        part.world.clients.redeliver(own[-min(back, len(own))].run_id)

    part.at(part.moment(), redeliver)


def draw_rotation(part: Part) -> None:
    """A new signing secret, mostly just before some job is called."""
    overlap = part.chance.choice([0, 60, 3600, 5 * DAY])
    offset = part.chance.uniform(-8.0, 0.2)
    aim = part.aim(["recurring", "dapr"])

    def choose() -> None:
        booked = aim(lambda each: not each.is_gone() and part.ahead(each, 3) is not None)
        ahead = None if booked is None else part.ahead(booked, 3)
        part.later((ahead or 0.0) + offset, lambda: part.world.clients.rotate(overlap))

    part.at(part.moment(), choose)
