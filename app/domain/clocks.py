"""Clocks: the wall clock of a zone, and what a job wants where it jumps.

A clock is read in pieces: stretches of wall-clock time with one offset, so that within a piece a
wall-clock time and an instant are one shift apart. Where the clock goes forward, the times in
between lie in no piece; where it goes back, the times shown twice lie in the piece before, in the
one after, or in both, as the job wants it. Wall-clock times and instants are whole seconds here,
counted from 1970 by the clock itself and by UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from app.domain import zones
from app.domain.zones import FIRST_INSTANT, LAST_INSTANT, Zone

DAY: Final = 86400
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock times are naive
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


class OnGap(StrEnum):
    """What becomes of a local time that does not exist."""

    SKIP = "skip"
    NEXT = "next"


class OnOverlap(StrEnum):
    """Which showing of a local time that is shown twice counts."""

    FIRST = "first"
    SECOND = "second"
    BOTH = "both"


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """A zone's clock with a job's rules for its changes."""

    zone: Zone
    on_gap: OnGap
    on_overlap: OnOverlap


class Piece(NamedTuple):
    """Wall-clock times from `start` up to `stop`, `offset` seconds ahead of UTC.

    Times from `stop` up to `moved_until` do not exist and count as the instant `end`, where the
    next piece begins; elsewhere the two are the same.
    """

    offset: int
    start: int
    stop: int
    moved_until: int
    end: int


@lru_cache(maxsize=4096)
def clock(name: str, on_gap: OnGap | None, on_overlap: OnOverlap | None) -> Clock:
    """The clock of the zone of that name; raises InvalidMember for `timezone`.

    Without rules of its own a job follows Quartz: times that do not exist are skipped, times
    shown twice count the second time.
    """
    return Clock(
        zone=zones.find(name),
        on_gap=on_gap or OnGap.SKIP,
        on_overlap=on_overlap or OnOverlap.SECOND,
    )


def index_at(clock: Clock, instant: int) -> int:
    """The number of the piece in which `instant` lies."""
    return bisect_right(clock.zone.changes, instant)


def piece(clock: Clock, index: int) -> Piece:
    """The piece between the change before and the change after it; the ends are open."""
    changes, offsets = clock.zone.changes, clock.zone.offsets
    offset = offsets[index]
    if index:
        begin, before = changes[index - 1], offsets[index - 1]
        repeated_too = before > offset and clock.on_overlap is not OnOverlap.FIRST
        start = begin + (offset if before < offset or repeated_too else before)
    else:
        start = FIRST_INSTANT - DAY
    if index == len(changes):
        return Piece(offset, start, LAST_INSTANT + DAY, LAST_INSTANT + DAY, LAST_INSTANT)
    end, after = changes[index], offsets[index + 1]
    stop = end + (after if after < offset and clock.on_overlap is OnOverlap.SECOND else offset)
    moved = after > offset and clock.on_gap is OnGap.NEXT
    return Piece(offset, start, stop, end + after if moved else stop, end)


def pieces_from(clock: Clock, instant: int) -> Iterator[Piece]:
    """The pieces from that in which `instant` lies, which begins there, to the last.

    Where the clock changes at `instant`, the times that do not exist and count as it come before.
    """
    index = index_at(clock, instant)
    first = piece(clock, index)
    if index and first.start == instant + first.offset:
        before = piece(clock, index - 1)
        yield before._replace(start=before.stop)
    yield first._replace(start=max(first.start, instant + first.offset))
    for later in range(index + 1, len(clock.zone.offsets)):
        yield piece(clock, later)


def instants_of(zone: Zone, wall: datetime) -> list[datetime]:
    """The instants (UTC) at which the clock shows `wall` (naive): none, one or two, in order.

    Raises OverflowError where they lie outside the years that a datetime holds.
    """
    both = [wall.replace(tzinfo=zone.info, fold=fold).astimezone(UTC) for fold in (0, 1)]
    showing = [each.astimezone(zone.info).replace(tzinfo=None, fold=0) for each in both]
    return sorted({each for each, shown in zip(both, showing, strict=True) if shown == wall})


def end_of_gap(zone: Zone, wall: datetime) -> datetime:
    """The first instant (UTC) after the gap of the clock in which `wall` (naive) lies."""
    # Read with the offset of either side, a time that does not exist lies on the other side.
    after, before = (
        whole_seconds(wall.replace(tzinfo=zone.info, fold=fold).astimezone(UTC)) for fold in (0, 1)
    )
    return instant(zones.change_between(zone.info, before, after))


def whole_seconds(when: datetime) -> int:
    """Seconds since 1970 of a naive wall-clock time, or of an aware instant; fractions are cut."""
    return (when - (_EPOCH_UTC if when.tzinfo else _EPOCH)) // _SECOND


def wall_time(seconds: int) -> datetime:
    """The naive wall-clock time that many seconds after that of 1970."""
    return _EPOCH + timedelta(seconds=seconds)


def instant(seconds: int) -> datetime:
    """The instant that many seconds after 1970, in UTC."""
    return _EPOCH_UTC + timedelta(seconds=seconds)
