"""Dapr jobs: booked, read and ended by their names, which are unique in an app."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from app.domain.account import CachedCaller, Caller
from app.domain.checks import quoted
from app.domain.dapr.refusal import Refusal
from app.domain.job import Booking, Dialect, Job
from app.domain.scope import Scope
from app.errors import Conflict, NotFound
from app.random_ids import new_id
from app.service import accounts, jobs, permissions
from app.service.context import Context
from app.service.dapr import apps
from app.service.jobs_by_name import TRIES
from app.service.usage import within_limits
from app.store import inflight, superseded
from app.store import jobs as store
from app.store.booking_batches import WantedJob
from app.store.clock import read_clock
from app.store.database import driver_of
from app.store.job_names import NameTaken, holder

_REPLACED: Final = "the job was overwritten"
_AHEAD: Final = timedelta(milliseconds=20)
"""By how much the estimate of the clock by which relative times were reckoned may be ahead."""

_BEHIND: Final = timedelta(seconds=1)
"""How long before the job is stored that estimate may have been made."""


Judge = Callable[[datetime], tuple[Booking, datetime]]


@within_limits
def book(
    context: Context, caller: Caller | CachedCaller, judge: Judge, *, overwrite: bool = False
) -> None:
    """Book a job under its name in an app, which is the `endpoint` of its booking.

    `judge` makes the booking and its first firing at an instant of the database's clock; it is
    called again once an existing job is locked. With `overwrite`, an existing job of that name is
    replaced: its runs are cancelled, and its remaining ticks and retries do not count for the new
    one. Raises Conflict, and whatever `judge` raises; for a cached caller also Unauthenticated,
    InsufficientScope, AccountSuspended, and InvalidMember if the app does not exist.
    """
    if isinstance(caller, CachedCaller):
        if _book_if_valid(context, caller, judge):
            return
        caller = _verified(context, caller)
        apps.find_app(context, caller, judge(caller.now)[0].endpoint)
    booking, first = judge(caller.now)
    for _ in range(TRIES):
        # Insert first: most often the name is free, and this round trip is the only one.
        with suppress(NameTaken), context.database.session() as connection:
            job_id = new_id()
            store.insert_unfollowing(connection, job_id, caller.account.id, booking, first)
            return
        if not overwrite:
            break
        if _overwritten(context, caller, booking, judge):
            return
    raise Conflict(
        f"A job named {quoted(booking.name or '')} exists already.",
        member="name",
        remedy="Send overwrite: true to replace it, or delete it first.",
    )


def want(caller: CachedCaller, booking: Booking, first: datetime, *, now: datetime) -> WantedJob:
    """Return the job that is to be stored if caller and app are valid, and it is about `now` then.

    Raises InsufficientScope.
    """
    permissions.require_scope(caller, Scope.BOOK)
    return WantedJob(
        id=new_id(),
        caller=caller,
        booking=booking,
        first=first,
        earliest=now - _AHEAD,
        latest=now + _BEHIND,
    )


def _book_if_valid(context: Context, caller: CachedCaller, judge: Judge) -> bool:
    """Book in one statement, which also verifies caller, app and clock; False if it did not book.

    After that, nothing is known of why it did not.
    """
    now = context.clock_estimate.now()
    if now is None:
        return False
    try:
        booking, first = judge(now)
        with context.database.session() as connection:
            clock = store.insert_of_app(connection, new_id(), caller, booking, first, now=now)
    except (NameTaken, Refusal):
        return False
    if clock is None:
        context.clock_estimate.forget()
        return False
    context.clock_estimate.note(clock)
    return True


def _verified(context: Context, cached: CachedCaller) -> Caller:
    caller = accounts.verify(context, cached)
    permissions.require_scope(caller, Scope.BOOK)
    permissions.require_active(caller)
    context.clock_estimate.note(caller.now)
    return caller


def get(context: Context, caller: Caller, app_id: str, name: str) -> Job:
    """The app's job of that name. Raises NotFound."""
    with context.database.statement() as connection:
        found = store.find_named(connection, caller.account.id, name, Dialect.DAPR, app_id)
    if found is None:
        raise NotFound("There is no such job.", member="name")
    return found


def delete(context: Context, caller: Caller, app_id: str, name: str) -> None:
    """End the app's job of that name, if there is one.

    From 100 ms after this returns none of its calls begins.
    """
    account_id = caller.account.id
    with context.database.transaction() as connection:
        job_id = holder(connection, account_id, name, Dialect.DAPR, app_id)
        if job_id is not None and store.lock(driver_of(connection), account_id, job_id):
            jobs.delete_locked(connection, job_id)


def _overwritten(
    context: Context,
    caller: Caller,
    wanted: Booking,
    judge: Judge,
) -> bool:
    """Replace the job of that name; False where it has ended in the meantime."""
    name, app_id = wanted.name or "", wanted.endpoint
    with suppress(NotFound), context.database.transaction() as connection:
        job_id = holder(connection, caller.account.id, name, Dialect.DAPR, app_id)
        if job_id is None:
            return False
        current = jobs.get_locked(connection, caller, job_id)
        # Ticks that the old job fired while this waited for its lock are not fired by the new one.
        booking, first = judge(read_clock(connection))
        inflight.cancel_all(driver_of(connection), job_id, _REPLACED)
        inflight.detach_paused(driver_of(connection), job_id, _REPLACED)
        superseded.keep(driver_of(connection), job_id)
        store.update_job(driver_of(connection), current, booking, first)
        return True
    return False
