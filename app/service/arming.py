"""Arming: computes the next firing of a stored job that is changed or resumed."""

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
    """Return the first firing of the next version of a locked job.

    An unchanged trigger is not validated again if the job is resumed, and an unchanged instant is
    not validated again if the job is or stays paused. Raises InvalidMember as first_firing does,
    and Conflict as on_resume does, or if the only firing was made by a clock that was set back
    since.
    """
    if booking.trigger == current.booking.trigger:
        if booking.enabled and not current.booking.enabled:
            return on_resume(connection, current, booking.misfire, now)
        if isinstance(booking.trigger, At) and not booking.enabled:
            return booking.trigger.instant
    first = first_firing(booking.trigger, now)
    if isinstance(booking.trigger, At) and inflight.was_called(
        driver_of(connection), current.id, first
    ):
        raise made(first)
    return first


def on_resume(connection: Connection, job: Job, misfire: Misfire, now: datetime) -> datetime | None:
    """Return the next firing of a locked job that was paused.

    Without a further firing, return None for a permanent job and raise Conflict for any other job.
    The schedule of a job that has made all its counted firings goes on, but the job does not.
    """
    driver = driver_of(connection)
    if job.booking.remaining == 0 and not inflight.will_return(driver, job.id, CANCEL_DEADLINE):
        raise _over(job)
    if not isinstance(job.booking.trigger, At):
        since = inflight.made_up_to(driver, job.id, CANCEL_DEADLINE)
        next_at = firing_after_pause(job.booking.trigger, since=since, now=now, misfire=misfire)
        if next_at is None and not is_permanent(job.booking.trigger):
            raise _over(job)
        return next_at
    instant = job.booking.trigger.instant
    if inflight.was_made(driver, job.id, instant, CANCEL_DEADLINE):
        raise made(instant)
    return instant


def made(instant: datetime) -> Conflict:
    """Return the error for a one-time job whose firing was made, or is being made."""
    return Conflict(
        f"The only firing of the job, at {format_utc(instant)}, was already made or is being made "
        "now.",
        member="when",
        remedy="PUT the job with another `when`, or DELETE it. "
        "POST /1/runs/<id>/redeliver sends a run again.",
    )


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
        remedy=f"Give the job another schedule through the {job.booking.dialect.title()} API, "
        "or DELETE it.",
    )
