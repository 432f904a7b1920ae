"""Preview: the ticks of a Dapr job if it were booked, without booking it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from app.domain import zones
from app.domain.dapr import summary, time_spec
from app.domain.dapr.booking import Booked, Times, book
from app.domain.dapr.description import describe_days
from app.domain.dapr.gap import minimum_gap, ticks_from
from app.domain.dapr.reader import Every, Fields, Read, read
from app.domain.dapr.refusal import Refusal
from app.domain.dapr.schedule import DaprSchedule
from app.domain.instants import format_utc
from app.domain.preview import Preview, describe_clock_changes
from app.domain.zones import Zone

_UTC: Final = "UTC"
_PAST: Final = "dueTime: {} is past, so that this tick is due at once{}."
_MISSED: Final = ", and so is each that the schedule has had since"


def preview_times(times: Times, *, after: datetime, count: int) -> Preview:
    """The preview of `times` if they are booked at `after` (aware), with up to `count` ticks.

    Raises Refusal for a member that cannot be read; `reasons` has why the times cannot be booked.
    """
    after = after.astimezone(UTC)
    schedule = None if times.schedule is None else read(times.schedule)
    for member, text in (("dueTime", times.due_time), ("ttl", times.ttl)):
        if text is not None:
            time_spec.parse(text, after, member=member)
    try:
        booked = book(times, after)
    except Refusal as refusal:
        return Preview(
            next=(),
            minimum_gap=None,
            reasons=(refusal.text,),
            warnings=(),
            zone=_zone(schedule),
        )
    listed: tuple[datetime, ...] = (booked.first,)
    gap = None
    if isinstance(booked.trigger, DaprSchedule):
        listed = tuple(islice(ticks_from(booked.trigger, booked.first, booked.remaining), count))
        gap = minimum_gap(booked.trigger, booked.first, booked.remaining)
    return Preview(
        next=listed,
        minimum_gap=gap,
        reasons=(),
        warnings=tuple(_warnings(booked, schedule, after, listed)),
        zone=_zone(schedule),
        summary=_summarize(booked),
    )


def _summarize(booked: Booked) -> str:
    if not isinstance(booked.trigger, DaprSchedule):
        return "once"
    text = summary.summarize(booked.trigger)
    return text if booked.remaining is None else f"{text}, {booked.remaining} times at most"


def _zone(schedule: Read | None) -> Zone:
    if isinstance(schedule, Fields) and schedule.clock is not None:
        return schedule.clock.zone
    return zones.find(_UTC)


def _warnings(
    booked: Booked, schedule: Read | None, after: datetime, listed: tuple[datetime, ...]
) -> Iterator[str]:
    if booked.first < after:
        missed = "" if schedule is None else _MISSED
        yield _PAST.format(format_utc(booked.first), missed)
    if schedule is None or isinstance(schedule, Every):
        return
    days = describe_days(schedule)
    if days is not None:
        yield days
    if schedule.clock is not None:
        yield from describe_clock_changes(
            schedule.clock, schedule.schedule, after=after, listed=listed
        )
