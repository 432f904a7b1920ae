"""Plan: how much a simulation plays, and the items that this makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.simulation.items import Item

DAY: Final = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How many items of each kind there are, and over how many days they are spread.

    Without `faults` nothing goes wrong but at receivers.
    """

    days: float = 365.0
    recurring: int = 12
    once: int = 60
    dapr: int = 16
    fusion: int = 10
    change: int = 60
    dapr_change: int = 16
    fusion_change: int = 30
    redelivery: int = 10
    rotation: int = 6
    fault: int = 40
    single: int = 6
    close: int = 6
    missed: int = 3
    taken: int = 4
    stale: int = 4
    dapr_failing: int = 6
    fusion_aborted: int = 4
    most_moments: int = 365 * 40_000
    """Round trips, counted twice, after which a simulation is given up. A day has some
    7,000 to 35,000."""

    @property
    def seconds(self) -> float:
        """The length of what is played."""
        return self.days * DAY

    @property
    def items(self) -> tuple[Item, ...]:
        """All items, in the order in which they are put into the script."""
        return tuple(each for kind in KINDS for each in self.items_of(kind))

    def items_of(self, kind: str) -> tuple[Item, ...]:
        """The items of that kind."""
        number: int = getattr(self, kind.replace("-", "_"))
        return tuple(Item(kind, each) for each in range(number))


KINDS: Final = (
    "recurring",
    "once",
    "dapr",
    "fusion",
    "change",
    "dapr-change",
    "fusion-change",
    "redelivery",
    "rotation",
    "fault",
    "single",
    "close",
    "missed",
    "taken",
    "stale",
    "dapr-failing",
    "fusion-aborted",
)

SHORT: Final = Plan(
    days=20.0,
    recurring=7,
    once=12,
    dapr=7,
    fusion=6,
    change=36,
    dapr_change=8,
    fusion_change=16,
    redelivery=6,
    rotation=3,
    fault=16,
    single=2,
    close=2,
    missed=2,
    taken=2,
    stale=1,
    dapr_failing=2,
    fusion_aborted=2,
    most_moments=20 * 40_000,
)
"""A plan that takes seconds, in which as much meets as in the long one."""
