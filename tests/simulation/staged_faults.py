"""Staged faults: jobs that a seed draws together with what is to meet them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tests.simulation.clients import Life
from tests.simulation.faults import TAKEN_AHEAD_S, begin_outage, pause, pause_next_taker
from tests.simulation.parts import Part
from tests.simulation.receivers import Arrival, Habits
from tests.simulation.schedules import Once, Schedule, draw_schedule

_ONCE: Final = {"maxAttempts": 1}
_AHEAD: Final = timedelta(minutes=1)


def draw_single(part: Part) -> None:
    """A job with one attempt, whose worker dies or stands still during its call.

    A worker that stands still hears that its call failed when another worker has begun the run
    again: the failure counts no more.
    """
    world = part.world
    life = Life(path=f"/{part.name}", body=part.name.encode(), misfire="one", is_tried_once=True)
    part.receive(life.path, Habits(latency=(6.5, 9.0), failures=1))
    seconds = part.chance.uniform(5.6, 6.4)
    stands_still = part.item.number % 2 == 0

    def book() -> None:
        schedule = Once(at=_soon(part))
        world.clients.book(life, schedule, retry=_ONCE)
        world.around.receivers.on_first[life.path] = strike

    def strike(arrival: Arrival) -> None:
        name = arrival.worker.partition(".")[0]
        part.later(0.0, lambda: pause(world, name, seconds) if stands_still else world.kill(name))

    part.at(part.moment(0.95), book)


def draw_taken(part: Part) -> None:
    """A job whose worker stands still when it has taken the run, until another worker calls it."""
    world = part.world
    life = Life(path=f"/{part.name}", body=part.name.encode(), misfire="one")
    part.receive(life.path, Habits(latency=(2.0, 4.0)))
    seconds = part.chance.uniform(5.6, 6.6)

    def book() -> None:
        at = _soon(part)
        world.clients.book(life, Once(at=at))
        before = (at - part.now).total_seconds() - TAKEN_AHEAD_S
        part.later(before, lambda: pause_next_taker(world, seconds))

    part.at(part.moment(0.95), book)


def draw_stale(part: Part) -> None:
    """A job whose worker stands still during a call that succeeds, and hears of it too late.

    Another worker has begun the run again by then, and the job is there until that call is over.
    """
    world = part.world
    life = Life(path=f"/{part.name}", body=part.name.encode(), misfire="one")
    part.receive(life.path, Habits(latency=(6.6, 8.0)))
    seconds = part.chance.uniform(5.6, 6.4)

    def book() -> None:
        world.clients.book(life, Once(at=_soon(part)))
        world.around.receivers.on_first[life.path] = strike

    def strike(arrival: Arrival) -> None:
        name = arrival.worker.partition(".")[0]
        part.later(0.0, lambda: pause(world, name, seconds))
        part.later(arrival.ended_at - arrival.at + 1.0, lambda: world.clients.look(life))

    part.at(part.moment(0.95), book)


def draw_close(part: Part) -> None:
    """A job that is called once, and another that is due soon after it, or that recurs."""
    recurs = part.item.number % 2 == 1
    apart = timedelta(seconds=part.chance.choice([0.2, 0.4, 0.6]))
    first, second = (
        Life(path=f"/{name}", body=name.encode(), misfire="one")
        for name in (part.name, f"{part.name}-too")
    )

    def book() -> None:
        at = _soon(part)
        part.world.clients.book(first, Once(at=at))
        part.world.clients.book(second, _weekly(at) if recurs else Once(at=at + apart))

    part.at(part.moment(0.95), book)


def _weekly(at: datetime) -> Schedule:
    """The same time of day on the same day of each week."""
    return Schedule(
        hours=(at.hour,),
        minutes=(at.minute,),
        second=at.second,
        weekdays=(at.isoweekday() % 7,),
    )


def _soon(part: Part) -> datetime:
    return (part.now + _AHEAD).replace(microsecond=0)


def draw_missed(part: Part) -> None:
    """A job that is due every 15 minutes for an hour, and an outage in which that is missed.

    Where the number is odd, its client gives it another schedule meanwhile.
    """
    world, chance = part.world, part.chance
    life = Life(path=f"/{part.name}", body=part.name.encode(), misfire="one")
    schedule = Schedule(
        hours=(chance.randrange(24),), minutes=(0, 15, 30, 45), weekdays=(chance.randrange(7),)
    )
    before = chance.uniform(1.0, 600.0)
    following = draw_schedule(chance) if part.item.number % 2 == 1 else None

    def book() -> None:
        world.clients.book(life, schedule)

    def choose() -> None:
        ahead = part.ahead(life, 8)
        if ahead is None:
            return
        part.later(ahead - before, lambda: begin_outage(world, before + 2400.0))
        if following is not None:
            part.later(ahead + 2000.0, lambda: world.clients.replace(life, following))

    part.at(part.moment(0.05), book)
    part.at(part.moment(0.6) + 0.05 * part.plan.seconds, choose)
