"""Preview: what a schedule would do if it were booked; each dialect fills it from its triggers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from app.domain import quartz
from app.domain.clocks import Clock, OnGap, OnOverlap
from app.domain.instants import format_utc
from app.domain.quartz import DstChange, Schedule
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
    """What a schedule would do; it may be booked if there are no `reasons` against it."""

    next: tuple[datetime, ...]
    """The next firings (UTC)."""
    minimum_gap: int | None
    """The fewest seconds between two firings, not only the next ones; None if there is one."""
    reasons: tuple[str, ...]
    """Why the schedule may not be booked."""
    warnings: tuple[str, ...]
    """What a client might not expect of the schedule."""
    zone: Zone
    """The time zone in which local times are shown."""
    summary: str | None = None
    """The schedule in English; None if it may not be booked and has no meaning."""


def firings(
    next_after: Callable[[datetime], datetime | None], after: datetime
) -> Iterator[datetime]:
    """Yield the firings after `after`, in order."""
    following = next_after(after)
    while following is not None:
        yield following
        following = next_after(following)


def add_warning(preview: Preview, warning: str | None) -> Preview:
    """Return the preview with a further warning; unchanged if `warning` is None."""
    if warning is None:
        return preview
    return replace(preview, warnings=(*preview.warnings, warning))


def describe_clock_changes(
    clock: Clock, schedule: Schedule, *, after: datetime, listed: tuple[datetime, ...]
) -> Iterator[str]:
    """Yield the clock changes that affect a schedule, within a year or to the end of `listed`."""
    until = max([min(after, _LATEST) + _YEAR, *listed[-1:]])
    changes = quartz.find_dst_changes(clock, schedule, after=after, until=until)
    for number, change in enumerate(changes):
        if number == MAX_CHANGES:
            yield "Further changes of the clock affect this schedule."
            return
        yield _describe(clock, change)


def _describe(clock: Clock, change: DstChange) -> str:
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
        twice = f"{moved}; {times} {'are' if several else 'is'} shown twice and {fires}."
        return twice if change.pause is None else f"{twice} {_describe_pause(change.pause)}"
    exist = f"{times} {'do' if several else 'does'} not exist"
    if clock.on_gap is OnGap.SKIP:
        return f"{moved}; {exist} and {'are' if several else 'is'} skipped."
    instead = f"{_time(change.after, dated=apart)} ({format_utc(change.instant)})"
    return f"{moved}; {exist}, and {instead} fires instead."


def _describe_pause(pause: tuple[datetime, datetime]) -> str:
    begin, end = map(format_utc, pause)
    return (
        f"Nothing fires between {begin} and {end}, longer than between other times of the day; "
        'with onOverlap "both" the times that are shown twice fire twice.'
    )


def _time(wall: datetime, *, dated: bool) -> str:
    written = wall.isoformat(timespec="seconds" if wall.second else "minutes")
    return written if dated else written.partition("T")[2]
