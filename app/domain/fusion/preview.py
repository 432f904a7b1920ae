"""Preview: the firings of a Fusion schedule if it were saved, all triggers taken together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from app.domain import quartz, zones
from app.domain.fusion import chain, summary, time_triggers
from app.domain.fusion.gap import MAX_WALKED, Gap, minimum_gap
from app.domain.fusion.intervals import ByInterval, Unit
from app.domain.fusion.schedule import Objection, Schedule, follows_of, objections, time_triggers_of
from app.domain.fusion.status import Status, status_of
from app.domain.fusion.time_triggers import ByCron, TimeTriggers
from app.domain.fusion.triggers import AfterJob, Trigger
from app.domain.instants import format_millis
from app.domain.preview import Preview, firings
from app.errors import InvalidMember

_UTC: Final = "UTC"
_SHORTEST_MONTH: Final = 28
_ENDS: Final = {
    Status.SUCCESS: "succeeds",
    Status.FAILED: "fails",
    Status.ABORTED: "is aborted",
}


def preview_schedule(schedule: Schedule, *, after: datetime, count: int) -> Preview:
    """Return the preview of a schedule at `after`: the next firings of all triggers as one list.

    A schedule that is not enabled has no firings.
    """
    booked = time_triggers_of(schedule) if schedule.enabled else TimeTriggers()
    found = firings(lambda instant: time_triggers.next_after(booked, instant), after)
    gap = minimum_gap(booked, after)
    return Preview(
        next=tuple(islice(found, count)),
        minimum_gap=gap.seconds,
        reasons=tuple(f"{each.message} {each.remedy}" for each in _reasons(schedule)),
        warnings=tuple(_warnings(schedule, after, gap)),
        zone=zones.find(_UTC),
        summary=_summarize(schedule, booked),
    )


def _summarize(schedule: Schedule, booked: TimeTriggers) -> str:
    if not schedule.enabled:
        return "never: enabled is false"
    follows = " or ".join(each.upstream for each in follows_of(schedule))
    if not booked.triggers:
        return f"after {follows}" if follows else "never: it has no trigger"
    return (
        f"{summary.summarize(booked)}; and after {follows}"
        if follows
        else summary.summarize(booked)
    )


def _reasons(schedule: Schedule) -> Iterator[Objection | InvalidMember]:
    yield from objections(schedule)
    if schedule.resource is not None:
        upstreams = [each.upstream for each in follows_of(schedule)]
        cycle = chain.find_cycle(str(schedule.resource), upstreams, {})
        if cycle is not None:
            yield chain.cycle_error(cycle)


def _warnings(schedule: Schedule, after: datetime, gap: Gap) -> Iterator[str]:
    if not schedule.enabled:
        yield "enabled is false: no trigger starts the job."
    for number, each in enumerate(schedule.triggers):
        path = f"triggers[{number}]"
        if not each.enabled:
            yield f"{path} is disabled."
            continue
        for note in _notes(each, after):
            yield f"{path}: {note}"
    if not gap.exact and gap.until is not None:
        yield (
            f"minimumGap: found among the next {MAX_WALKED} firings, up to "
            f"{format_millis(gap.until)}; later ones may come closer together."
        )


def _notes(trigger: Trigger, after: datetime) -> Iterator[str]:
    """Yield warnings about an enabled trigger."""
    match trigger:
        case AfterJob(upstream=upstream, states=states):
            said = {status_of(state) for state in states}
            ends = " or ".join(words for status, words in _ENDS.items() if status in said)
            yield f"runs when {upstream} {ends}, and has no time of its own."
            return
        case ByCron(expression=expression):
            days = quartz.describe_days(expression)
            if days is not None:
                yield days
        case ByInterval():
            yield from _of_interval(trigger)
    if time_triggers.next_of(trigger, after) is None:
        yield f"nothing of it is to come after {format_millis(after)}."


def _of_interval(interval: ByInterval) -> Iterator[str]:
    if not interval.given:
        yield (
            "no startTime is given; it counts from the moment of saving, here from "
            f"{format_millis(interval.start)}."
        )
    if interval.unit is Unit.MONTH and interval.start.day > _SHORTEST_MONTH:
        yield f"shorter months have no day {interval.start.day}; there it fires on the last day."
