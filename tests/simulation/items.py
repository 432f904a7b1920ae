"""Items: the parts of a scenario, each drawn by itself, so that any of them may be left out."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class Item:
    """One job, change or fault of a scenario."""

    kind: str
    number: int

    @property
    def name(self) -> str:
        """How it is written, and what its job is called if it books one."""
        return f"{self.kind}-{self.number}"

    def chance(self, seed: int) -> random.Random:
        """What it is drawn by: it is the same whatever other items are played."""
        return random.Random(f"{seed} {self.name}")


def parse(text: str) -> tuple[Item, ...]:
    """The items that are written in the text, separated by spaces; raises ValueError."""
    return tuple(_item(each) for each in text.split())


def written(items: tuple[Item, ...]) -> str:
    """The items as `parse` reads them."""
    return " ".join(each.name for each in items)


def _item(text: str) -> Item:
    kind, _, number = text.rpartition("-")
    if not kind:
        raise ValueError(f"{text!r} is not an item of a scenario, as fault-3.")
    return Item(kind, int(number))
