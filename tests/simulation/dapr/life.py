"""Dapr jobs as their clients know them, and the ticks that these may expect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation.schedules import Schedule


@dataclass(frozen=True, slots=True)
class App:
    """A Dapr app, which receives the calls of its jobs."""

    id: str
    address: str
    """Host and port."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticks:
    """When a job is due: at `first`, and then by `every` or by `fields`, if either is given."""

    first: datetime | None = None
    every: timedelta | None = None
    fields: Schedule | None = None
    repeats: int | None = None
    """How many ticks there are, the first included."""
    lasts: timedelta | None = None
    """How long after its start the last tick may be."""
    start: datetime | None = None
    """When it was booked; from here `every` counts where there is no `first`."""

    def up_to(self, end: datetime) -> list[datetime]:
        """All ticks that are not after `end`, in order."""
        start = self.first or self.start
        if start is None:
            return []
        if self.lasts is not None:
            end = min(end, start + self.lasts)
        found = [] if self.first is None or self.first > end else [self.first]
        if self.every is not None and end > start:
            number = (end - start) // self.every
            if self.repeats is not None:
                number = min(number, self.repeats)
            found += [start + each * self.every for each in range(1, number + 1)]
        if self.fields is not None:
            found += self.fields.between(start, end)
        return found[: self.repeats]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """A failure policy: so many retries, each so many seconds after the one before."""

    interval: float
    retries: int | None
    """None for no end of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DaprChange:
    """What a client has done to a job, and when it was answered."""

    at: datetime
    what: str
    """`book`, `overwrite` or `delete`."""
    ticks: Ticks | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A job from one change to the next."""

    begins: datetime
    ends: datetime
    ticks: Ticks
    is_last: bool
    """Whether no change has ended it."""


@dataclass(slots=True)
class DaprLife:
    """What the client of a job knows about it."""

    name: str
    app: App
    policy: Policy
    changes: list[DaprChange] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    """The ids of its job: a job that is over when it is overwritten is followed by another."""

    @property
    def path(self) -> str:
        """The path at which its app is called."""
        return f"/job/{self.name}"

    @property
    def body(self) -> bytes:
        """What its app gets, byte for byte."""
        return f'{{"value":"{self.name}"}}'.encode()

    def is_gone(self) -> bool:
        """Whether it was deleted, or never made."""
        return not self.changes or self.changes[-1].what == "delete"

    def due_between(self, after: datetime, until: datetime) -> list[datetime]:
        """Its ticks after the one instant and not after the other."""
        ticks = self.changes[-1].ticks if self.changes else None
        return [each for each in ticks.up_to(until) if each > after] if ticks else []

    def versions(self, ended: datetime) -> Iterator[Version]:
        """Its versions; the last may go on until the simulation ended."""
        for index, change in enumerate(self.changes):
            following = self.changes[index + 1] if index + 1 < len(self.changes) else None
            if change.ticks is not None:
                yield Version(
                    begins=change.at,
                    ends=following.at if following else ended,
                    ticks=change.ticks,
                    is_last=following is None,
                )
