"""Arming: which firing a stored job is armed with when it is changed or resumed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from app.domain.instants import format_utc
from app.domain.job import Booking, Dialect, Job
from app.domain.misfire import Misfire
from app.domain.one_time import At
from app.domain.resume import firing_after_pause
from app.domain.timings.leases import CANCEL_DEADLINE
from app.domain.trigger import first_firing, is_permanent
from app.errors import Conflict
from app.store import inflight
from app.store.database import driver_of


def on_update(
    connection: Connection, current: Job, booking: Booking, now: datetime
) -> datetime | None:
    """The first firing of a locked job's next version.

    A trigger that stays as it is is not judged anew where the job is resumed, nor an instant where
    it is paused. Raises InvalidMember as first_firing does, Conflict as on_resume does.
    """
    if booking.trigger == current.booking.trigger:
        if booking.enabled and not current.booking.enabled:
            return on_resume(connection, current, booking.misfire, now)
        if isinstance(booking.trigger, At) and not booking.enabled:
            return booking.trigger.instant
    return first_firing(booking.trigger, now)


def on_resume(connection: Connection, job: Job, misfire: Misfire, now: datetime) -> datetime | None:
    """What a locked job that was paused is armed with.

    None for a standing job of which nothing is to come; of another, that raises Conflict.
    """
    if not isinstance(job.booking.trigger, At):
        since = inflight.made_up_to(driver_of(connection), job.id, CANCEL_DEADLINE)
        next_at = firing_after_pause(job.booking.trigger, since=since, now=now, misfire=misfire)
        if next_at is None and not is_permanent(job.booking.trigger):
            raise _over(job)
        return next_at
    if inflight.was_made(driver_of(connection), job.id, job.booking.trigger.instant):
        raise Conflict(
            f"The only firing, at {format_utc(job.booking.trigger.instant)}, was made already "
            "or is just being made.",
            member="when",
            remedy="PUT another when, or DELETE the job; "
            "POST /1/runs/<id>/redeliver sends a run again.",
        )
    return job.booking.trigger.instant


def _over(job: Job) -> Conflict:
    if job.booking.dialect is Dialect.NATIVE:
        return Conflict(
            "The cron expression never fires again.",
            member="cron",
            remedy="PUT another cron expression, or DELETE the job.",
        )
    return Conflict(
        "The schedule never fires again.",
        member="id",
        remedy=f"Give the job another schedule in the words of {job.booking.dialect.title()}, "
        "or DELETE it.",
    )
