"""Tasks: the HTTP calls that jobs of the type `task` make; each task has one job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection

from app.domain.account import Caller
from app.domain.fusion.resource import Kind, Resource
from app.domain.fusion.task import Task, resource_of
from app.domain.job import Booking, Job
from app.domain.limits import FUSION_TASKS
from app.errors import Conflict
from app.service import limits
from app.service.context import Context
from app.service.fusion import apps, jobs, schedules
from app.service.usage import within_limits
from app.store import fusion_jobs as store


@contextmanager
def list_tasks(
    context: Context, caller: Caller, *, app: str | None, after: Resource | None, limit: int
) -> Iterator[Iterator[str]]:
    """Yield the documents of the first `limit` tasks of the account, or of an app, after `after`.

    They are ordered by id, and read inside the context, a few at a time, as JSON text.
    """
    with (
        context.database.transaction() as connection,
        store.stream_tasks(
            connection,
            caller.account.id,
            endpoint=jobs.endpoint_of_kind(Kind.TASK),
            tag=apps.tag(app),
            after="" if after is None else str(after),
            limit=limit,
        ) as found,
    ):
        yield found


def get(context: Context, caller: Caller, task_id: str, *, app: str | None) -> str:
    """Return the document of a task, as JSON text. Raises NotFound."""
    with context.database.statement() as connection:
        found = jobs.find(connection, caller, _resource(task_id), app)
    document: str = (found.booking.written or {})[jobs.TASK]
    return document


@within_limits
def create(context: Context, caller: Caller, sent: Task, *, app: str | None) -> None:
    """Create a task and its job, which has no schedule yet. Raises InvalidMember, Conflict."""
    with context.database.transaction() as connection:
        jobs.lock(connection, caller, resource_of(sent))
        if jobs.find_or_none(connection, caller, resource_of(sent)) is not None:
            raise Conflict(
                f"The task {sent.id} exists already.",
                member="id",
                remedy=f"PUT /api/tasks/{sent.id} replaces it.",
            )
        _book(context, connection, caller, sent, app)


@within_limits
def put(context: Context, caller: Caller, sent: Task, *, app: str | None) -> None:
    """Create or replace a task; its schedule stays. Raises InvalidMember."""
    with context.database.transaction() as connection:
        jobs.lock(connection, caller, resource_of(sent))
        current = jobs.find_or_none(connection, caller, resource_of(sent))
        if current is None:
            _book(context, connection, caller, sent, app)
        else:
            jobs.replace(context, connection, caller, current, _wanted(current, sent, app))


def delete(context: Context, caller: Caller, task_id: str, *, app: str | None) -> None:
    """Delete a task with its job and its schedule, as schedules.delete_job. Raises NotFound."""
    schedules.delete_job(context, caller, _resource(task_id), app=app)


def count(connection: Connection, account_id: int) -> int:
    """Return how many tasks the account has."""
    endpoint = jobs.endpoint_of_kind(Kind.TASK)
    return store.count_tasks(connection, account_id, endpoint=endpoint)


def _book(
    context: Context, connection: Connection, caller: Caller, sent: Task, app: str | None
) -> None:
    """Store a new task with its job, under the account's lock; raises LimitReached."""
    used = count(connection, caller.account.id)
    limits.refuse_more(context, caller.account, FUSION_TASKS, used)
    jobs.book(connection, caller, jobs.booking_of_task(sent, app))


def _wanted(current: Job, sent: Task, app: str | None) -> Booking:
    """Return the booking of the job with this task: only the call changes."""
    call, now = jobs.booking_of_task(sent, None), current.booking
    return replace(
        now,
        url=call.url,
        content_type=call.content_type,
        data=call.data,
        call_options=call.call_options,
        tags=apps.with_app(current.booking.tags, app),
        written={**(now.written or {}), **(call.written or {})},
    )


def _resource(task_id: str) -> Resource:
    return jobs.resource_of(f"{Kind.TASK}:{task_id}")
