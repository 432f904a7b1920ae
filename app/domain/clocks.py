"""Clocks: the wall clock of a time zone, and a job's rules for the changes of its offset.

A clock is divided into pieces: intervals of wall-clock time with one offset, so that within a piece
a wall-clock time differs from its instant by a constant. When the clock goes forward, the skipped
times are in no piece. When it goes back, the times shown twice are in the piece before the change,
in the piece after it, or in both, as the rules of the job say. Wall-clock times and instants are
whole seconds: since 1970 on the clock itself, and since 1970 in UTC.
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
    """What a job does at a local time that does not exist."""

    SKIP = "skip"
    NEXT = "next"


class OnOverlap(StrEnum):
    """When a job fires at a local time that the clock shows twice."""

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
    """Return the clock of the zone of that name; raises InvalidMember for `timezone`.

    The rules that a job does not set are those of Quartz: times that do not exist are skipped, and
    at times that are shown twice a job fires the second time.
    """
    return Clock(
        zone=zones.find(name),
        on_gap=on_gap or OnGap.SKIP,
        on_overlap=on_overlap or OnOverlap.SECOND,
    )


def index_at(clock: Clock, instant: int) -> int:
    """Return the index of the piece that contains `instant`."""
    return bisect_right(clock.zone.changes, instant)


def piece(clock: Clock, index: int) -> Piece:
    """Return the piece with this index; the first and the last piece have no bound outwards."""
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
    """Yield the pieces from `instant` to the last; the first one is cut to begin there.

    If the clock changes at `instant`, the skipped times that count as this instant come before.
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
    """Return the instants (UTC) at which the clock shows `wall` (naive): none, one or two.

    They are in order. Raises OverflowError if they are outside the years of a datetime.
    """
    both = [wall.replace(tzinfo=zone.info, fold=fold).astimezone(UTC) for fold in (0, 1)]
    showing = [each.astimezone(zone.info).replace(tzinfo=None, fold=0) for each in both]
    return sorted({each for each, shown in zip(both, showing, strict=True) if shown == wall})


def end_of_gap(zone: Zone, wall: datetime) -> datetime:
    """Return the first instant (UTC) after the gap of the clock that contains `wall` (naive)."""
    # Read with the offset of either side, a time that does not exist lies on the other side.
    after, before = (
        whole_seconds(wall.replace(tzinfo=zone.info, fold=fold).astimezone(UTC)) for fold in (0, 1)
    )
    return instant(zones.change_between(zone.info, before, after))


def whole_seconds(when: datetime) -> int:
    """Return the seconds from 1970 to a wall-clock time or an instant, without their fraction."""
    return (when - (_EPOCH_UTC if when.tzinfo else _EPOCH)) // _SECOND


def wall_time(seconds: int) -> datetime:
    """Return the naive wall-clock time `seconds` after the beginning of 1970."""
    return _EPOCH + timedelta(seconds=seconds)


def instant(seconds: int) -> datetime:
    """Return the instant (UTC) `seconds` after the beginning of 1970."""
    return _EPOCH_UTC + timedelta(seconds=seconds)
