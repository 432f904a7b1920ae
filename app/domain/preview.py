"""Preview: what a schedule would do if it were booked, told without booking it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from app.domain import quartz, trigger
from app.domain.clocks import Clock, OnGap, OnOverlap
from app.domain.instants import format_utc
from app.domain.quartz import Disturbance, Schedule
from app.domain.trigger import At, Native
from app.domain.zones import Zone

MAX_FIRINGS: Final = 100
MAX_CHANGES: Final = 20
_YEAR: Final = timedelta(days=366)
_LATEST: Final = datetime.max.replace(tzinfo=UTC) - _YEAR
_SHOWINGS: Final = {
    OnOverlap.FIRST: "the first time",
    OnOverlap.SECOND: "the second time",
    OnOverlap.BOTH: "both times",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """The next firings (UTC), their smallest gap in seconds, and what there is to say of them.

    It may be booked if there are no `reasons` against it; `zone` is where local times are told.
    """

    next: tuple[datetime, ...]
    minimum_gap: int | None
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    zone: Zone


def firings(
    next_after: Callable[[datetime], datetime | None], after: datetime
) -> Iterator[datetime]:
    """The firings after `after`, one by one."""
    following = next_after(after)
    while following is not None:
        yield following
        following = next_after(following)


def of_trigger(booked: Native, *, after: datetime, count: int, zone: Zone) -> Preview:
    """What the native dialect makes of a trigger at `after`; raises InvalidMember if unreadable."""
    found = firings(lambda instant: trigger.next_after(booked, instant), after)
    listed = tuple(islice(found, count))
    objection = trigger.objection(booked, after)
    return Preview(
        next=listed,
        minimum_gap=trigger.minimum_gap(booked, after),
        reasons=() if objection is None else (f"{objection.message} {objection.remedy}",),
        warnings=tuple(_warnings(booked, after, listed)),
        zone=zone,
    )


def noted(preview: Preview, warning: str | None) -> Preview:
    """The preview with a further warning, if there is one."""
    if warning is None:
        return preview
    return replace(preview, warnings=(*preview.warnings, warning))


def _warnings(booked: Native, after: datetime, listed: tuple[datetime, ...]) -> Iterator[str]:
    if isinstance(booked, At):
        return
    days = quartz.days_in_words(booked.expression)
    if days is not None:
        yield days
    if booked.local is not None:
        clock, schedule = trigger.clock_of(booked.local), quartz.parse(booked.expression)
        yield from changes_in_words(clock, schedule, after=after, listed=listed)


def changes_in_words(
    clock: Clock, schedule: Schedule, *, after: datetime, listed: tuple[datetime, ...]
) -> Iterator[str]:
    """The clock changes that hit a schedule in the coming year, or while what is listed lasts."""
    until = max([min(after, _LATEST) + _YEAR, *listed[-1:]])
    changes = quartz.disturbances(clock, schedule, after=after, until=until)
    for number, change in enumerate(changes):
        if number == MAX_CHANGES:
            yield "Further changes of the clock hit this schedule."
            return
        yield _told(clock, change)


def _told(clock: Clock, change: Disturbance) -> str:
    gap = change.after > change.before
    moved = f"{change.before:%Y-%m-%d}: the clock of {clock.zone.name} goes "
    moved += "from" if gap else "back from"
    apart = change.before.date() != change.after.date()
    moved += f" {_time(change.before, dated=apart)} to {_time(change.after, dated=apart)}"
    shown = [_time(each, dated=apart) for each in change.times]
    times = ", ".join(shown) + (" and more" if change.more else "")
    several = len(shown) > 1
    if not gap:
        fires = f"fire{'' if several else 's'} {_SHOWINGS[clock.on_overlap]}"
        told = f"{moved}; {times} {'are' if several else 'is'} shown twice and {fires}."
        return told if change.pause is None else f"{told} {_paused(change.pause)}"
    exist = f"{times} {'do' if several else 'does'} not exist"
    if clock.on_gap is OnGap.SKIP:
        return f"{moved}; {exist} and {'are' if several else 'is'} skipped."
    instead = f"{_time(change.after, dated=apart)} ({format_utc(change.instant)})"
    return f"{moved}; {exist}, and {instead} fires instead."


def _paused(pause: tuple[datetime, datetime]) -> str:
    begin, end = map(format_utc, pause)
    return (
        f"Nothing fires between {begin} and {end}, longer than between other times of the day; "
        'with onOverlap "both" the times that are shown twice fire twice.'
    )


def _time(wall: datetime, *, dated: bool) -> str:
    written = wall.isoformat(timespec="seconds" if wall.second else "minutes")
    return written if dated else written.partition("T")[2]
