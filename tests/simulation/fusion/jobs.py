"""Fusion jobs: what a seed draws of jobs, chains, and of what their clients do to them."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tests.simulation.clients import Booked
from tests.simulation.faults import TAKEN_AHEAD_S, at_next_take
from tests.simulation.fusion.life import Follow, FusionLife, FusionSchedule
from tests.simulation.native_jobs import draw_later
from tests.simulation.parts import Part
from tests.simulation.plan import DAY
from tests.simulation.receivers import Habits
from tests.simulation.schedules import AnySchedule, Interval, Never, draw_schedule
from tests.simulation.world import World

_SUCCESS: Final = frozenset({"succeeded"})
_FAILURE: Final = frozenset({"failed", "dead"})
_ABORT: Final = frozenset({"cancelled"})
_STATES: Final = (_SUCCESS, _SUCCESS, _FAILURE, _ABORT, _SUCCESS | _FAILURE | _ABORT)
_KINDS: Final = ("task", "datasource")
_OFFSETS_S: Final = (-0.25, -0.12, 0.02, 0.1, 0.25, 1.0, 4.0, 12.0)
"""When an action comes, counted from a firing: most while the run is under way."""
_AHEAD: Final = timedelta(minutes=1)
_EVERY: Final = timedelta(hours=50)
_FEWEST: Final = 4
"""So many jobs are left at least."""


def put_runners(world: World) -> None:
    """Configure the runner of all datasources."""
    world.fusion.put_runners()


def draw_job(part: Part) -> None:
    """A job that starts by time, after other jobs that were drawn before it, or both."""
    chance = part.chance
    life = FusionLife(part.name, _kind(part.item.number))
    part.receive(life.path, _draw_habits(chance))
    schedule = _draw_schedule(part)
    part.at(part.moment(0.05), lambda: part.world.fusion.book(life, schedule))


def _kind(number: int) -> str:
    return _KINDS[number % 2]


def _draw_schedule(part: Part) -> FusionSchedule:
    number, chance = part.item.number, part.chance
    follows: list[Follow] = []
    if number >= 2 and part.item.kind == "fusion":
        for upstream in chance.sample(range(number), chance.choice([1, 1, 2])):
            name = f"{_kind(upstream)}:fusion-{upstream}"
            follows.append(Follow(name, chance.choice(_STATES)))
    times = Never() if follows and chance.random() < 0.5 else _draw_times(part)
    return FusionSchedule(times=times, follows=tuple(follows))


def _draw_times(part: Part) -> AnySchedule:
    chance = part.chance
    if chance.random() < 0.5:
        return draw_schedule(chance, ["UTC"])
    start = part.now.replace(microsecond=0) + timedelta(hours=chance.randint(0, 40))
    return Interval(start=start, every=timedelta(hours=chance.choice([7, 19, 30, 50])))


def _draw_habits(chance: random.Random) -> Habits:
    match chance.choice(["good", "good", "flaky", "failing", "slow", "tired", "later", "later"]):
        case "flaky":
            ways = tuple(chance.choice(["500", "503", "reset", "hang"]) for _ in range(2))
            return Habits(failures=chance.randint(1, 2), ways=ways)
        case "failing":
            return Habits(failures=3, ways=("500", "503"))
        case "slow":
            return Habits(latency=(2.0, 12.0))
        case "tired":
            return Habits(latency=(3.0, 9.0), failures=1)
        case "later":
            return draw_later(chance)
    return Habits()


def draw_change(part: Part) -> None:
    """A start, an abort, or a change of the schedule of some job."""
    chance = part.chance
    what = chance.choice(
        ["start", "start", "abort", "abort", "abort", "disable", "replace", "delete"]
    )
    offset = chance.choice(_OFFSETS_S)
    rest = chance.uniform(10.0, 5 * DAY)
    times = _draw_times(part)
    aim = part.aim(["fusion"])

    def choose() -> None:
        life = aim(lambda each: not each.is_gone())
        if isinstance(life, FusionLife):
            ahead = _ahead(part, life)
            part.later(1.0 if ahead is None else ahead + offset, lambda: change(life))

    def change(life: FusionLife) -> None:
        if not life.is_gone():
            _CHANGES[what](part, life, times, rest)

    part.at(part.moment(), choose)


def draw_aborted(part: Part) -> None:
    """A task that is aborted when a worker has taken its run, and that is deleted later."""
    world, fusion = part.world, part.world.fusion
    life = FusionLife(part.name, "task")
    part.receive(life.path, Habits())

    def abort(_worker: str) -> None:
        # While no worker runs, the next take may be days later.
        if not life.is_gone():
            fusion.act(life, "abort")

    def book() -> None:
        start = (part.now + _AHEAD).replace(microsecond=0)
        fusion.book(life, FusionSchedule(times=Interval(start=start, every=_EVERY)))
        before = (start - part.now).total_seconds() - TAKEN_AHEAD_S
        part.later(before, lambda: at_next_take(world, abort))
        part.later(before + 3600.0, lambda: fusion.delete(life))

    part.at(part.moment(0.95), book)


def _start(part: Part, life: FusionLife, _times: AnySchedule, _rest: float) -> None:
    part.world.fusion.act(life, "start")


def _abort(part: Part, life: FusionLife, _times: AnySchedule, _rest: float) -> None:
    part.world.fusion.act(life, "abort")


def _disable(part: Part, life: FusionLife, _times: AnySchedule, rest: float) -> None:
    """Disable the job, and enable it again after a while."""
    fusion = part.world.fusion

    def enable() -> None:
        if not life.is_gone():
            fusion.enable(life)

    if life.is_enabled():
        fusion.disable(life)
        part.later(rest, enable)


def _replace(part: Part, life: FusionLife, times: AnySchedule, _rest: float) -> None:
    if life.is_enabled():
        follows = life.schedule.follows
        part.world.fusion.replace(life, FusionSchedule(times=times, follows=follows))


def _delete(part: Part, life: FusionLife, _times: AnySchedule, _rest: float) -> None:
    fusion = part.world.fusion
    if sum(not each.is_gone() for each in fusion.lives) > _FEWEST:
        fusion.delete(life)


_CHANGES: Final[dict[str, Callable[[Part, FusionLife, AnySchedule, float], None]]] = {
    "start": _start,
    "abort": _abort,
    "disable": _disable,
    "replace": _replace,
    "delete": _delete,
}


def _ahead(part: Part, life: FusionLife) -> float | None:
    """In how many seconds the job is due next, by its own times or those of a job before it."""
    ahead = part.ahead(life, 20)
    booked = part.world.clients.booked
    for follow in life.schedule.follows:
        upstream: Booked | None = booked.get(follow.resource.partition(":")[2])
        if ahead is None and isinstance(upstream, FusionLife) and not upstream.is_gone():
            ahead = _ahead(part, upstream)
    return ahead
