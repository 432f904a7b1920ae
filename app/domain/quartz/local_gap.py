"""Local gap: how close together a schedule fires on the clock of a zone, exactly.

Within a piece of the clock, the gaps are those of the wall-clock times, computed from the fields.
Only the firings next to a change of the clock are evaluated. So the cost depends on the number of
changes, which is below 500 for each zone, and not on the number of firings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from app.domain import clocks
from app.domain.clocks import DAY, Clock, OnGap, Piece
from app.domain.quartz import gap, transitions
from app.domain.quartz.evaluation import last_wall
from app.domain.quartz.local import following, next_after_on
from app.domain.quartz.schedule import Schedule
from app.domain.quartz.times import closest_times


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Seconds between two firings; `change` is the clock change (UTC) between them, if any."""

    seconds: int
    change: datetime | None = None


class _Stretch(NamedTuple):
    """A piece of the clock, with the first and the last wall-clock time in it that match."""

    piece: Piece
    first: int
    last: int


def closest_on(clock: Clock, schedule: Schedule, *, after: datetime) -> Gap | None:
    """Return the smallest gap; None if fewer than two firings are left.

    Counted are all firings on the local date of the first one strictly after `after` (aware), and
    on every later date.
    """
    first = next_after_on(clock, schedule, after)
    if first is None:
        return None
    pieces = list(clocks.pieces_from(clock, _date_begins(clock, first)))
    stretches = [each for each in (_stretch(schedule, piece) for piece in pieces) if each]
    gaps = list(_across_changes(schedule, pieces, stretches))
    within = _within_dates(schedule, stretches)
    if within is not None:
        gaps.append(Gap(seconds=within))
    best = min((each.seconds for each in gaps), default=None)
    between = _between_dates(schedule, stretches, best)
    if between is not None:
        gaps.append(Gap(seconds=between))
    # Of equal gaps, one of ordinary days is more informative than one at a change.
    return min(gaps, key=lambda each: (each.seconds, each.change is not None), default=None)


def closest_on_below(
    clock: Clock, schedule: Schedule, limit: int, *, after: datetime
) -> Gap | None:
    """Return the smallest gap if it is less than `limit` seconds, else None.

    For most schedules, the times of day alone show that it is not: changes of the clock that are
    close to no time of the schedule, or on no date of it, are not examined further.
    """
    # A time that does not exist, and moves to the end of its gap, is close to other times there.
    if gap.least_gap(schedule) >= limit <= DAY and clock.on_gap is not OnGap.NEXT:
        coming = clocks.index_at(clock, clocks.whole_seconds(after) - 2 * DAY)
        if not any(transitions.may_bring_closer(clock, schedule, limit, first=coming)):
            return None
    found = closest_on(clock, schedule, after=after)
    return found if found is not None and found.seconds < limit else None


def _date_begins(clock: Clock, first: datetime) -> int:
    """Return the instant at which the local date of `first` begins, in seconds since 1970."""
    local = first.astimezone(clock.zone.info)
    # If midnight does not exist, the date begins with the change, as no gap begins before.
    return clocks.whole_seconds(local.replace(hour=0, minute=0, second=0, fold=0))


def _stretch(schedule: Schedule, piece: Piece) -> _Stretch | None:
    first = following(schedule, piece.start)
    if first is None or first >= piece.stop:
        return None
    last = last_wall(schedule, clocks.wall_time(piece.stop))
    return _Stretch(piece, first, first if last is None else clocks.whole_seconds(last))


def _across_changes(
    schedule: Schedule, pieces: Iterable[Piece], stretches: Iterable[_Stretch]
) -> Iterator[Gap]:
    """Yield the gaps between firings next to a change, from the last before to the first after."""
    firings = {each.piece: each for each in stretches}
    previous: int | None = None
    change = 0
    for piece in pieces:
        instants: list[int] = []
        if piece in firings:
            _, first, last = firings[piece]
            instants += [first - piece.offset, last - piece.offset]
        if piece.moved_until > piece.stop:
            moved = following(schedule, piece.stop)
            if moved is not None and moved < piece.moved_until:
                yield from _gap(instants[-1] if instants else previous, piece.end, piece.end)
                instants.append(piece.end)
        if instants:
            yield from _gap(previous, instants[0], change)
            previous = instants[-1]
        change = piece.end


def _gap(before: int | None, firing: int, change: int) -> Iterator[Gap]:
    # A firing moved to the end of a gap may coincide with one that is there anyway.
    if before is not None and firing > before:
        yield Gap(seconds=firing - before, change=clocks.instant(change))


def _within_dates(schedule: Schedule, stretches: Iterable[_Stretch]) -> int | None:
    """Return the smallest gap between two times of one date in one piece."""
    kinds = gap.gaps_within_a_day(schedule)
    if not kinds:
        return None
    parts: set[tuple[int, int]] = set()
    for piece, first, last in stretches:
        whole = following(schedule, -(-piece.start // DAY) * DAY)
        if whole is not None and whole // DAY * DAY + DAY <= piece.stop:
            return min(kinds)
        for day in {first // DAY * DAY, last // DAY * DAY}:
            parts.add((max(piece.start - day, 0), min(piece.stop - day, DAY)))
    found = (closest_times(schedule, start, stop) for start, stop in parts)
    return min((each for each in found if each is not None), default=None)


def _between_dates(schedule: Schedule, stretches: list[_Stretch], best: int | None) -> int | None:
    """Return the smallest gap between consecutive dates in one piece, if it is below `best`."""
    if not stretches:
        return None
    days = gap.closest_dates(schedule, clocks.wall_time(stretches[0].first).date())
    if days is None:
        return None
    night = gap.overnight(schedule)
    least = (days - 1) * DAY + night
    found: int | None = None
    for stretch in stretches:
        if best is not None and best <= least:
            break
        first, last = (clocks.wall_time(each).date() for each in stretch[1:])
        apart = gap.closest_dates(schedule, first, last) if first < last else None
        if apart is not None and (best is None or (apart - 1) * DAY + night < best):
            best = found = (apart - 1) * DAY + night
    return found
