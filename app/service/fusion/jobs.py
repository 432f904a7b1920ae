"""Jobs: find, lock, book and replace jobs of the Fusion dialect, by their resources."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import orjson
from sqlalchemy import Connection

from app.domain.account import Caller
from app.domain.call_options import MAX_TIMEOUT, CallOptions
from app.domain.checks import quoted
from app.domain.fusion import resource as resources
from app.domain.fusion.resource import Kind, Resource
from app.domain.fusion.schedule import SavedSchedule
from app.domain.fusion.task import Task
from app.domain.fusion.time_triggers import TimeTriggers
from app.domain.job import Booking, Dialect, Job
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.retry_policy import RetryPolicy
from app.domain.timings.leases import CANCEL_DEADLINE
from app.domain.trigger import Trigger, next_after
from app.errors import InvalidMember, NotFound
from app.random_ids import new_id
from app.service import jobs
from app.service.context import Context
from app.service.fusion import apps
from app.store import accounts, job_names, redelivery, serial, superseded
from app.store import jobs as store
from app.store.clock import read_clock
from app.store.database import driver_of

SCHEDULE: Final = "schedule"
TASK: Final = "task"

# Short: runs of a job never overlap, so the next run waits until the retries of this one end.
RETRY: Final = RetryPolicy(schedule=(5.0, 25.0))
MISFIRE: Final = Misfire(policy=MisfirePolicy.ONE)
# A runner's job has no URL of its own: each call goes to the runner.
_NO_URL: Final = "/"
_UNKNOWN: Final = {
    Kind.TASK: "POST the task to /api/tasks; its job is there with it.",
    Kind.DATASOURCE: "PUT a schedule to /api/jobs/<resource>/schedule; "
    '{"triggers": []} is enough for a job that is only started by hand.',
}


def resource_of(text: str) -> Resource:
    """Return the resource in a path; raises NotFound if the text cannot be a resource."""
    try:
        return resources.parse(text)
    except InvalidMember as error:
        raise NotFound(error.message, member="resource", remedy=error.remedy) from None


def find(connection: Connection, caller: Caller, resource: Resource, app: str | None) -> Job:
    """Return the job of that resource, if it belongs to the given app, if any. Raises NotFound."""
    found = find_or_none(connection, caller, resource)
    if found is None or not apps.belongs(found.booking.tags, app):
        raise no_such_job(resource, app if found is not None else None)
    return found


def find_locked(connection: Connection, caller: Caller, resource: Resource, app: str | None) -> Job:
    """As `find`, under the locks of `lock`."""
    lock(connection, caller, resource)
    return find(connection, caller, resource, app)


def lock(connection: Connection, caller: Caller, resource: Resource) -> None:
    """Lock the account, the job (if there is one) and the jobs that may start when it ends.

    The lock of the account serializes all saves of its Fusion jobs. So if two schedules that are
    saved at once would close a cycle, the second one is refused; and the followers cannot change.
    """
    accounts.lock(connection, caller.account.id)
    job_id = job_names.holder(
        connection, caller.account.id, str(resource), Dialect.FUSION, endpoint_of(resource)
    )
    if job_id is not None:
        redelivery.lock_jobs(
            driver_of(connection), serial.with_followers(driver_of(connection), [job_id])
        )


def find_or_none(connection: Connection, caller: Caller, resource: Resource) -> Job | None:
    """Return the job of that resource, whatever its apps; None if there is none."""
    return store.find_named(
        connection, caller.account.id, str(resource), Dialect.FUSION, endpoint_of(resource)
    )


def book(connection: Connection, caller: Caller, booking: Booking) -> None:
    """Store a new job; the account must be locked."""
    store.insert_job(
        driver_of(connection),
        job_id=new_id(),
        account_id=caller.account.id,
        booking=booking,
        next_at=next_after(booking.trigger, read_clock(connection)),
    )


def replace(
    context: Context, connection: Connection, caller: Caller, current: Job, booking: Booking
) -> bool:
    """Give a locked job its next version; return False if the booking is unchanged."""
    if current.booking == booking:
        return False
    if current.booking.enabled or booking.enabled:
        now = read_clock(connection)
        first = _waiting(connection, current, booking, now) or next_after(booking.trigger, now)
        jobs.store_next_version(context, connection, caller, current, booking, first, now=now)
    else:
        # The job was and stays disabled: a run that a client started continues.
        superseded.keep(driver_of(connection), current.id)
        store.update_job(driver_of(connection), current, booking, None)
    return True


def _waiting(
    connection: Connection, current: Job, booking: Booking, now: datetime
) -> datetime | None:
    """Return the firing of a locked job that is due and waits for the run under way, if any.

    The update leaves a firing that is already due, but a second run cannot be under way: it goes on
    waiting, as a firing of the next version. A version without time triggers drops it.
    """
    due = current.owed_at or current.next_at
    if due is None or due > now + CANCEL_DEADLINE or not _has_times(booking.trigger):
        return None
    return None if serial.live_run(driver_of(connection), current.id) is None else due


def _has_times(trigger: Trigger) -> bool:
    return isinstance(trigger, TimeTriggers) and any(each.enabled for each in trigger.triggers)


def booking_of_runner(resource: Resource, app: str | None) -> Booking:
    """Return the booking of a job that the runner of its type executes, without a schedule."""
    return Booking(
        url=_NO_URL,
        trigger=TimeTriggers(),
        content_type="application/json",
        data=orjson.dumps({"resource": str(resource)}),
        name=str(resource),
        tags=apps.with_app((), app),
        call_options=CallOptions(retry=RETRY),
        misfire=MISFIRE,
        dialect=Dialect.FUSION,
        endpoint=endpoint_of(resource),
        written={},
    )


def booking_of_task(task: Task, app: str | None) -> Booking:
    """Return the booking of a job that makes the call of a task, without a schedule."""
    return Booking(
        url=task.call.url,
        trigger=TimeTriggers(),
        content_type=task.call.content_type,
        data=task.call.data,
        name=f"{Kind.TASK}:{task.id}",
        tags=apps.with_app((), app),
        call_options=CallOptions(
            method=task.call.method,
            headers=task.call.headers,
            timeout=MAX_TIMEOUT,
            retry=RETRY,
        ),
        misfire=MISFIRE,
        dialect=Dialect.FUSION,
        written={TASK: task.source_document},
    )


def endpoint_of(resource: Resource) -> str:
    """Return the name of the runner that executes a job: its type; empty for a task."""
    return endpoint_of_kind(resource.kind)


def endpoint_of_kind(kind: Kind) -> str:
    """As `endpoint_of`, for the jobs of a type."""
    return "" if kind is Kind.TASK else str(kind)


def saved_schedule(job: Job) -> SavedSchedule:
    """Return the schedule of a job as it was saved."""
    return SavedSchedule(
        resource=job.booking.name or "",
        enabled=job.booking.enabled,
        source_document=(job.booking.written or {}).get(SCHEDULE),
    )


def no_such_job(resource: Resource, app: str | None) -> NotFound:
    """Return the error for a resource that is not a job of the caller, or not of that app."""
    if app is not None:
        return NotFound(
            f"The job {resource} does not belong to the app {quoted(app)}.",
            member="resource",
            remedy="PUT its schedule or its task under this app, or leave /apps/<app> out.",
        )
    remedy = _UNKNOWN[Kind.TASK if resource.kind is Kind.TASK else Kind.DATASOURCE]
    return NotFound(f"There is no job {resource}.", member="resource", remedy=remedy)
