"""Firing load: how many jobs fire next in each hour of a day, and the busiest minute of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

HOURS: Final = 24
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Busiest:
    """The minute in which the most jobs fire."""

    begins: datetime
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FiringLoad:
    """How many jobs have their next firing in each hour from `begins` on.

    A job counts once, in the hour of its next firing, also if it fires again in that hour.
    """

    begins: datetime
    """A whole hour, in UTC."""
    counts: tuple[int, ...]
    overdue: int
    """Firings that are due before `begins` and wait."""
    busiest: Busiest | None
    """None if no job fires in these hours."""
    counted_until: datetime | None
    """Up to which instant firings were counted; None if all were."""


def load(
    begins: datetime, minutes: Iterable[tuple[datetime, int]], *, counted_until: datetime | None
) -> FiringLoad:
    """Return the load from the number of firings in each minute, in order."""
    counts = [0] * HOURS
    overdue = 0
    busiest: Busiest | None = None
    for minute, count in minutes:
        hour = (minute - begins) // _HOUR
        if hour < 0:
            overdue += count
            continue
        counts[hour] += count
        if busiest is None or count > busiest.count:
            busiest = Busiest(begins=minute, count=count)
    return FiringLoad(
        begins=begins,
        counts=tuple(counts),
        overdue=overdue,
        busiest=busiest,
        counted_until=counted_until,
    )
