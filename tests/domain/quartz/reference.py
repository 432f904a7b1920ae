"""Firings on a zone's clock by brute force: every minute is examined.

Nothing here is shared with the code tested but the names of the rules; the standard library's
datetime says what the clock shows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from app.domain.clocks import OnGap, OnOverlap

MINUTE = timedelta(minutes=1)


def firings(
    matches: Callable[[datetime], bool],
    zone: ZoneInfo,
    rules: tuple[OnGap, OnOverlap],
    begin: datetime,
    minutes: int,
) -> list[datetime]:
    """Those of the `minutes` from `begin` (UTC) on at which a schedule of whole minutes fires."""
    on_gap, on_overlap = rules
    found = set()
    shown = begin.astimezone(zone).replace(tzinfo=None, fold=0)
    for number in range(minutes):
        instant = begin + number * MINUTE
        wall = instant.astimezone(zone)
        twice = wall.replace(fold=0).utcoffset() != wall.replace(fold=1).utcoffset()
        counts = not twice or on_overlap is OnOverlap.BOTH
        counts |= on_overlap is (OnOverlap.SECOND if wall.fold else OnOverlap.FIRST)
        if counts and matches(wall.replace(tzinfo=None, fold=0)):
            found.add(instant)
        # The minutes that the clock has jumped over since the last look.
        naive = wall.replace(tzinfo=None, fold=0)
        skipped = shown + MINUTE
        while on_gap is OnGap.NEXT and number and skipped < naive:
            if matches(skipped):
                found.add(instant)
            skipped += MINUTE
        shown = naive
    return sorted(found)


def closest(firings: list[datetime]) -> int | None:
    """The smallest number of seconds between two that follow each other."""
    gaps = [(later - earlier) // timedelta(seconds=1) for earlier, later in pairwise(firings)]
    return min(gaps, default=None)


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year to microsecond
