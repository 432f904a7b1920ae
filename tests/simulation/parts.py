"""Parts: an item while it is put into the script of a world, and the job at which it aims."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.simulation.clients import Booked
from tests.simulation.items import Item
from tests.simulation.plan import Plan
from tests.simulation.receivers import Habits
from tests.simulation.world import World

Aim = Callable[[Callable[[Booked], bool]], Booked | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """An item, and what it is drawn by."""

    world: World
    plan: Plan
    item: Item
    chance: random.Random
    until: float
    """Nothing of it begins later, in seconds since the beginning."""

    @property
    def name(self) -> str:
        """The name of the item."""
        return self.item.name

    def moment(self, share: float = 1.0) -> float:
        """A time in the first `share` of what is played."""
        return self.chance.uniform(0, self.plan.seconds * share)

    def at(self, when: float, do: Callable[[], None]) -> None:
        """Let the item begin at that time."""
        if when <= self.until:
            self.world.at(when, lambda: self._begin(do))

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Let something happen so many seconds from now, or at once."""
        self.world.at(self.world.clock.passed + max(seconds, 0.0), do)

    def receive(self, path: str, habits: Habits) -> None:
        """Let the receiver at that path answer so."""
        self.world.around.receivers.habits[path] = habits

    def aim(self, kinds: Iterable[str]) -> Aim:
        """What finds the job at which the item aims: the first that will do, in a drawn order.

        So the item aims at the same job as long as that is played, whatever else is left out.
        """
        names = [each.name for kind in kinds for each in self.plan.items_of(kind)]
        self.chance.shuffle(names)

        def choose(wanted: Callable[[Booked], bool]) -> Booked | None:
            booked = self.world.clients.booked
            candidates = (booked[each] for each in names if each in booked)
            return next((each for each in candidates if wanted(each)), None)

        return choose

    def ahead(self, booked: Booked, days: float) -> float | None:
        """In how many seconds the job is due next, if it is within these days."""
        now = self.world.clock.now
        due = booked.due_between(now, now + timedelta(days=days))
        return (due[0] - now).total_seconds() if due else None

    @property
    def now(self) -> datetime:
        """The time."""
        return self.world.clock.now

    def _begin(self, do: Callable[[], None]) -> None:
        self.world.acted.add(self.item)
        do()
