"""Schedules: save, read and remove the schedules of Fusion jobs, and delete the jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from app.domain.account import Caller
from app.domain.follow import Follow
from app.domain.fusion import chain, time_triggers
from app.domain.fusion.resource import Kind, Resource
from app.domain.fusion.schedule import SavedSchedule, Schedule, follows_of, time_triggers_of
from app.domain.fusion.time_triggers import TimeTriggers
from app.domain.job import Booking, Job
from app.domain.limits import FOLLOWERS
from app.service import jobs as native
from app.service import limits
from app.service.context import Context
from app.service.fusion import apps, jobs, run_abort
from app.service.usage import within_limits
from app.store import follows as follow_store

_DISABLED: Final = "the schedule was disabled"
_DELETED: Final = "the job was deleted"
_MAX_EDGES: Final = 20_000
"""Triggers that are read, at most, to name a cycle in the error."""


def get(context: Context, caller: Caller, resource: Resource, *, app: str | None) -> SavedSchedule:
    """Return the schedule of a job. Raises NotFound."""
    with context.database.statement() as connection:
        found = jobs.find(connection, caller, resource, app)
    return jobs.saved_schedule(found)


@within_limits
def put(
    context: Context, caller: Caller, resource: Resource, sent: Schedule, *, app: str | None
) -> None:
    """Save a schedule, and create the job if a runner executes it; an equal one changes nothing.

    A run under way continues, unless the schedule is disabled: then the run is aborted. Raises
    InvalidMember if the triggers close a cycle, and NotFound for a task that does not exist.
    """
    with context.database.statement() as connection:
        # Compared without a lock: usually nothing has changed, and claims skip a locked job.
        current = jobs.find_or_none(connection, caller, resource)
    if current is not None and _wanted(current, sent, app) == current.booking:
        return
    with context.database.transaction() as connection:
        jobs.lock(connection, caller, resource)
        current = jobs.find_or_none(connection, caller, resource)
        if current is None and resource.kind is Kind.TASK:
            raise jobs.no_such_job(resource, None)
        _refuse_cycle(connection, caller, resource, _follows(sent))
        _refuse_followers(context, connection, caller, current, _follows(sent))
        if current is None:
            jobs.book(connection, caller, _with(jobs.booking_of_runner(resource, app), sent))
            return
        if not sent.enabled and current.booking.enabled:
            run_abort.abort(connection, current, _DISABLED)
        jobs.replace(context, connection, caller, current, _wanted(current, sent, app))


@within_limits
def delete(context: Context, caller: Caller, resource: Resource, *, app: str | None) -> None:
    """Remove the schedule of a job; the job stays, with its history. Raises NotFound."""
    with context.database.transaction() as connection:
        current = jobs.find_locked(connection, caller, resource, app)
        written = {
            name: each
            for name, each in (current.booking.written or {}).items()
            if name != jobs.SCHEDULE
        }
        booking = replace(
            current.booking, trigger=TimeTriggers(), follows=(), enabled=True, written=written
        )
        jobs.replace(context, connection, caller, current, booking)


def delete_job(context: Context, caller: Caller, resource: Resource, *, app: str | None) -> None:
    """Delete a job with its schedule and task; a run under way is aborted. Raises NotFound."""
    with context.database.transaction() as connection:
        current = jobs.find_locked(connection, caller, resource, app)
        run_abort.abort(connection, current, _DELETED)
        native.delete_locked(connection, current.id)


def _wanted(current: Job, sent: Schedule, app: str | None) -> Booking:
    """Return the booking of a job with this schedule."""
    return _with(replace(current.booking, tags=apps.with_app(current.booking.tags, app)), sent)


def _with(booking: Booking, sent: Schedule) -> Booking:
    """Return the booking with this schedule; an interval without a start keeps its old start."""
    booked = time_triggers_of(sent)
    if isinstance(booking.trigger, TimeTriggers):
        booked = time_triggers.keep_anchors(booked, booking.trigger)
    return replace(
        booking,
        trigger=booked,
        enabled=sent.enabled,
        follows=_follows(sent),
        written={**(booking.written or {}), jobs.SCHEDULE: sent.source_document},
    )


def _follows(sent: Schedule) -> tuple[Follow, ...]:
    """Return the jobs that this one follows, by name, even if its schedule is disabled."""
    found = (
        Follow(upstream=each.upstream, states=frozenset(each.states)) for each in follows_of(sent)
    )
    return tuple(sorted(found, key=lambda each: each.upstream))


def _refuse_followers(
    context: Context,
    connection: Connection,
    caller: Caller,
    current: Job | None,
    follows: Iterable[Follow],
) -> None:
    """Raise LimitReached if a job has too many followers; under the account's lock."""
    before = {each.upstream for each in (current.booking.follows if current is not None else ())}
    new = [each.upstream for each in follows if each.upstream not in before]
    if new:
        found = follow_store.count_followers(connection, caller.account.id, new)
        most = max(found.values(), default=0)
        limits.refuse_more(context, caller.account, FOLLOWERS, most)


def _refuse_cycle(
    connection: Connection, caller: Caller, resource: Resource, follows: Iterable[Follow]
) -> None:
    """Raise InvalidMember with the cycle that the triggers close; under the account's lock.

    Only the jobs before this one in its chains are read, up to a limit.
    """
    upstreams, name = [each.upstream for each in follows], str(resource)
    if not upstreams:
        return
    account_id, limit = caller.account.id, chain.MAX_BEFORE + 1
    found = follow_store.before(connection, account_id, upstreams, name, limit=limit)
    if found.is_met:
        existing: dict[str, list[str]] = defaultdict(list)
        for follower, upstream in follow_store.edges_before(
            connection, account_id, upstreams, limit=limit, edges=_MAX_EDGES
        ):
            existing[follower].append(upstream)
        chain.refuse_cycle(name, upstreams, existing)
        # The cycle is longer than the part of the chains that was read to name it.
        raise chain.cycle_error((name, name))
    if found.jobs > chain.MAX_BEFORE:
        raise chain.length_error(name)
