"""Job rows: the rows of the list of jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from markupsafe import Markup

from app.domain.dapr.schedule import DaprSchedule
from app.domain.fusion.time_triggers import ByCron, TimeTriggers
from app.domain.job import Booking, Dialect, Job
from app.domain.job_filter import ListedJob
from app.domain.native.trigger import Cron
from app.domain.recent_run import MAX_RECENT, RecentRun
from app.domain.run import LIVE, RunState
from app.domain.summary import summarize
from app.errors import InvalidMember

MAX_TITLE: Final = 80
_OVERDUE: Final = timedelta(seconds=2)
_STEP: Final = 3
_HEIGHT: Final = 14
# Each state differs in height as well as in colour.
_MARKS: Final = {"good": 6, "bad": 14, "live": 10, "off": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRow:
    """A job in the list."""

    id: UUID
    title: str
    """Its name, or else where it is sent."""
    target: str
    """The method and the host that it calls, or the app or runner."""
    tags: tuple[str, ...]
    summary: str
    expression: str
    """As it was booked; empty where the summary says it all."""
    state: str
    next_at: datetime | None
    is_postponed: bool
    last: RecentRun | None
    strip: Markup

    @property
    def key(self) -> str:
        """The part of the id that no other job of a page has."""
        return self.id.hex[-12:]


def rows(
    jobs: Sequence[ListedJob], runs: Mapping[UUID, tuple[RecentRun, ...]], now: datetime
) -> list[JobRow]:
    """Return the rows of a page of jobs; `runs` has the newest runs of each, newest first."""
    return [_row(each.job, runs.get(each.job.id, ()), now) for each in jobs]


def _row(job: Job, runs: tuple[RecentRun, ...], now: datetime) -> JobRow:
    booking = job.booking
    return JobRow(
        id=job.id,
        title=_short_title_of(booking),
        target=target_of(booking),
        tags=booking.tags,
        summary=summary_of(booking),
        expression=expression_of(booking),
        state=state_of(job, now),
        next_at=job.next_at,
        is_postponed=job.owed_for is not None and job.owed_at is not None,
        last=runs[0] if runs else None,
        strip=strip(runs),
    )


def state_of(job: Job, now: datetime) -> str:
    """Return `active`, `paused`, `waiting` (for its run under way) or `ended`."""
    if not job.booking.enabled:
        return "paused"
    if job.next_at is None:
        return "ended"
    return "waiting" if job.next_at < now - _OVERDUE else "active"


def title_of(booking: Booking) -> str:
    """Return the name of a job, or else its address without the scheme, cut if it is long."""
    text = booking.name or booking.url.partition("://")[2] or booking.url
    return text if len(text) <= MAX_TITLE else f"{text[: MAX_TITLE - 1]}…"


def _short_title_of(booking: Booking) -> str:
    """Return the name of a job, or else its path, as its host stands below it in the list."""
    if booking.name or booking.endpoint:
        return title_of(booking)
    path = booking.url.partition("://")[2].partition("/")[2]
    return f"/{path}" if len(path) < MAX_TITLE else f"/{path[: MAX_TITLE - 2]}…"


def target_of(booking: Booking) -> str:
    """Return what a job calls: method and host, or its app or runner."""
    match booking.dialect:
        case Dialect.DAPR:
            return f"Dapr app {booking.endpoint}"
        case Dialect.FUSION:
            return f"Fusion runner {booking.endpoint}"
        case Dialect.NATIVE:
            return f"{booking.call_options.method or 'POST'} {_host(booking.url)}"


def summary_of(booking: Booking) -> str:
    """Return when a job fires, in English; a schedule that cannot be read is named so."""
    try:
        return summarize(booking.trigger, booking.remaining)
    except InvalidMember:
        return "The schedule cannot be read."


def expression_of(booking: Booking) -> str:
    """Return the expression of a job as it was booked; empty if it has none, or several."""
    match booking.trigger:
        case Cron(expression=expression):
            return expression
        case DaprSchedule(schedule=schedule):
            return schedule
        case TimeTriggers(triggers=(ByCron(expression=expression),)):
            return expression
        case _:
            return ""


def strip(runs: Sequence[RecentRun]) -> Markup:
    """Return the newest runs, newest first, as a picture: one mark each, the newest at the right.

    Neighbours of one kind are one line, which the style sheet cuts into marks.
    """
    shown = runs[:MAX_RECENT][::-1]
    if not shown:
        return Markup("")
    begin, found = MAX_RECENT - len(shown), defaultdict[str, list[str]](list)
    for kind, first, length in _stretches(shown):
        middle = _HEIGHT - _MARKS[kind] // 2
        found[kind].append(f"M{_STEP * (begin + first)} {middle}h{_STEP * length - 1}")
    paths = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(kind, "".join(lines))
        for kind, lines in found.items()
    )
    return Markup(
        '<svg class="strip" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(_STEP * MAX_RECENT - 1, _HEIGHT, counted(shown), paths)


def counted(runs: Iterable[RecentRun]) -> str:
    """Return the states of runs with their numbers: `28 succeeded, 2 failed`."""
    states = [each.state for each in runs]
    found = [f"{states.count(state)} {state}" for state in RunState if state in states]
    return ", ".join(found)


def _stretches(runs: Sequence[RecentRun]) -> Iterator[tuple[str, int, int]]:
    """Yield the kinds of mark, each with its first position and its length."""
    first = 0
    for kind, stretch in groupby(runs, lambda run: _kind(run.state)):
        length = len(list(stretch))
        yield kind, first, length
        first += length


def _kind(state: RunState) -> str:
    if state in LIVE:
        return "live"
    return {RunState.SUCCEEDED: "good", RunState.CANCELLED: "off"}.get(state, "bad")


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return url
