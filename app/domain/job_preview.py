"""Job preview: the next firings of a booked job of any dialect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from app.domain import zones
from app.domain.dapr.description import describe_days
from app.domain.dapr.reader import Fields, read
from app.domain.dapr.schedule import DaprSchedule
from app.domain.job import Job
from app.domain.native import preview as native_preview
from app.domain.native.trigger import Cron
from app.domain.preview import Preview, describe_clock_changes, firings
from app.domain.summary import summarize
from app.domain.trigger import next_after
from app.domain.zones import Zone


def preview_job(job: Job, *, now: datetime, count: int) -> Preview:
    """Return the next firings of a job, and what one might not expect of its schedule.

    The first firing is the stored one, which may be later than the schedule has it. A paused job
    has the firings that it would have if it were resumed at `now`. Raises InvalidMember for a
    stored trigger that cannot be read.
    """
    trigger, remaining = job.booking.trigger, job.booking.remaining
    listed = tuple(
        islice(_firings(job, now), count if remaining is None else min(count, remaining))
    )
    zone = _zone(job)
    return Preview(
        next=listed,
        minimum_gap=None,
        reasons=(),
        warnings=tuple(_warnings(job, now, listed, zone)),
        zone=zone,
        summary=summarize(trigger, remaining),
    )


def _firings(job: Job, now: datetime) -> Iterator[datetime]:
    trigger = job.booking.trigger
    if job.next_at is None:
        if not job.booking.enabled:
            yield from firings(lambda after: next_after(trigger, after), now)
        return
    yield job.next_at
    yield from firings(lambda after: next_after(trigger, after), max(job.next_at, now))


def _zone(job: Job) -> Zone:
    match job.booking.trigger:
        case Cron(local=local) if local is not None:
            return zones.find(local.timezone)
        case DaprSchedule(schedule=schedule):
            fields = read(schedule)
            if isinstance(fields, Fields) and fields.clock is not None:
                return fields.clock.zone
        case _:
            pass
    return zones.find("UTC")


def _warnings(job: Job, now: datetime, listed: tuple[datetime, ...], zone: Zone) -> Iterator[str]:
    match job.booking.trigger:
        case Cron() as trigger:
            yield from native_preview.preview_trigger(
                trigger, after=now, count=len(listed), zone=zone
            ).warnings
        case DaprSchedule(schedule=schedule):
            fields = read(schedule)
            if isinstance(fields, Fields):
                days = describe_days(fields)
                if days is not None:
                    yield days
                if fields.clock is not None:
                    yield from describe_clock_changes(
                        fields.clock, fields.schedule, after=now, listed=listed
                    )
        case _:
            return
