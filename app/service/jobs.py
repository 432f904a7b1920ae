"""Jobs: books, reads, replaces and deletes the jobs of an account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.account import Account, CachedCaller, Caller
from app.domain.booking import check
from app.domain.firing_rate import Allowed, reason
from app.domain.job import Booking, Job, ReadOnlyMembers
from app.domain.rearm import catch_up
from app.domain.timings.leases import CANCEL_DEADLINE
from app.domain.trigger import first_firing, is_recurring, next_after
from app.domain.usage import Use
from app.errors import Conflict, InvalidMember, NotFound, Refused
from app.random_ids import new_id
from app.service import accounts, arming, job_names, permissions, read_only_members, usage
from app.service.context import Context
from app.service.foreign_jobs import refuse_foreign
from app.service.limits import limits_of
from app.service.usage import within_limits
from app.store import inflight, superseded
from app.store import jobs as store
from app.store.booking_batches import WantedJob
from app.store.clock import read_clock
from app.store.database import driver_of
from app.store.inflight import Overdue
from app.store.job_names import NameTaken

_DELETED: Final = "the job was deleted"


@within_limits
def create(
    context: Context, caller: Caller | CachedCaller, booking: Booking, *, dry_run: bool = False
) -> Job:
    """Book a job; once this returns, the job survives any crash.

    A dry run makes the same checks, and stores nothing. Raises InvalidMember, TooLarge, Conflict
    and LimitReached; for a cached caller also Unauthenticated, InsufficientScope and
    AccountSuspended.
    """
    check_booking(context, booking)
    if isinstance(caller, CachedCaller):
        made = None if dry_run else _create_if_valid(context, caller, booking)
        if made is not None:
            return made
        caller = accounts.verify(context, caller)
        if not dry_run:
            permissions.require_booking(caller)
    next_at = first_firing(booking.trigger, caller.now)
    job_id = new_id()
    job = new_job(job_id, caller.account, booking, next_at)
    if dry_run:
        job_names.check_free(context, caller.account, booking)
        usage.check(context, caller.account, _at_least([booking]))
        return job
    with (
        job_names.explain_conflict(context, caller.account, booking),
        context.database.statement() as connection,
    ):
        store.insert_job(
            driver_of(connection),
            job_id=job_id,
            account_id=caller.account.id,
            booking=booking,
            next_at=next_at,
        )
    return job


def _create_if_valid(context: Context, caller: CachedCaller, booking: Booking) -> Job | None:
    """Book in one statement, which also verifies the key; return None if it did not book.

    After None, the caller of this function must read the key and the clock before it books.
    """
    try:
        first = first_firing(booking.trigger, caller.since)
    except InvalidMember:
        return None
    job_id = new_id()
    with (
        job_names.explain_conflict(context, caller.account, booking),
        context.database.session() as connection,
    ):
        if not store.insert_if_valid(connection, job_id, caller, booking, first):
            return None
    return new_job(job_id, caller.account, booking, first)


def want(context: Context, caller: CachedCaller, booking: Booking) -> WantedJob:
    """Return the job that is to be stored if the caller is valid by then, and its time is to come.

    Raises InvalidMember and TooLarge; also if only the caller's reading of the clock, which may be
    too old, shows a reason.
    """
    check_booking(context, booking)
    permissions.require_booking(caller)
    first = first_firing(booking.trigger, caller.since)
    return WantedJob(
        id=new_id(),
        caller=caller,
        booking=booking,
        first=first,
        earliest=caller.since,
        latest=first,
    )


@within_limits
def create_together(
    context: Context,
    caller: Caller,
    bookings: Sequence[Booking],
    *,
    dry_run: bool = False,
    before_storing: Callable[[Sequence[Job]], None] = lambda _made: None,
) -> list[Job]:
    """Book all of these jobs or, if one is refused, none; return them in the same order.

    Once this returns, the jobs survive any crash. A dry run stores nothing. `before_storing` is
    called with the jobs first; if it raises, none is stored. It is called once for each try (see
    `within_limits`), and only the jobs of the last one are stored. Raises InvalidMember, TooLarge
    and Conflict, with the index of the job in `member`, and LimitReached.
    """
    made = judge_together(context, caller, bookings)
    job_names.check_distinct(bookings)
    before_storing(made)
    if dry_run:
        job_names.check_each_free(context, caller.account, bookings)
        usage.check(context, caller.account, _at_least(bookings))
        return made
    try:
        with context.database.session() as connection:
            store.insert_jobs(connection, caller.account.id, made)
    except NameTaken:
        job_names.check_each_free(context, caller.account, bookings)
        # The job with that name has ended since, so it is not known which of the names it was.
        raise Conflict(
            "The name of one of these jobs was used by another job, which has just ended.",
            member="name",
            remedy="Send the jobs again.",
        ) from None
    return made


def judge_together(context: Context, caller: Caller, bookings: Sequence[Booking]) -> list[Job]:
    """Return the jobs that would be booked, without storing them.

    Raises InvalidMember and TooLarge, with the index of the job in `member`.
    """
    made: list[Job] = []
    for booking in bookings:
        try:
            check_booking(context, booking)
            first = first_firing(booking.trigger, caller.now)
        except Refused as error:
            raise error.at(len(made)) from None
        made.append(new_job(new_id(), caller.account, booking, first))
    return made


def _at_least(bookings: Sequence[Booking]) -> Use:
    """Return what these jobs would use at least: their number, and the bytes of URLs and data."""
    size = sum(len(each.url) + len(each.data or b"") for each in bookings)
    return Use(jobs=len(bookings), bytes=size)


def get(context: Context, caller: Caller, job_id: UUID) -> Job:
    """Return a job of the caller. Raises NotFound, also for a job of another account."""
    with context.database.statement() as connection:
        found = store.find(connection, caller.account.id, job_id)
    if found is None:
        raise unknown_job(job_id)
    return found


@within_limits
def update(
    context: Context,
    caller: Caller,
    job_id: UUID,
    booking: Booking,
    read_only: ReadOnlyMembers,
    *,
    version: int | None = None,
) -> Job:
    """Replace a job by its next version, which is in force once this returns.

    Firings of the old version that are at least 100 ms ahead are cancelled. Firings that were
    already due are still called. A changed `enabled` pauses or resumes the job. `version`, if
    given, must be the version that is replaced. Raises NotFound, InvalidMember, TooLarge, Conflict
    and LimitReached.
    """
    check_booking(context, booking)
    with (
        job_names.explain_conflict(context, caller.account, booking),
        context.database.transaction() as connection,
    ):
        current = get_locked(connection, caller, job_id)
        refuse_foreign(current)
        if version not in {None, current.version}:
            raise changed(current)
        return make_next_version(context, connection, caller, current, booking, read_only)


def make_next_version(
    context: Context,
    connection: Connection,
    caller: Caller,
    current: Job,
    booking: Booking,
    read_only: ReadOnlyMembers,
) -> Job:
    """Store the next version of a locked job, from a booking that `check_booking` has accepted.

    Raises InvalidMember and Conflict, and NameTaken if another job has the booking's name.
    """
    now = read_clock(connection)
    read_only_members.check(read_only, current, now)
    first = arming.on_update(connection, current, booking, now)
    return store_next_version(context, connection, caller, current, booking, first, now=now)


def store_next_version(
    context: Context,
    connection: Connection,
    caller: Caller,
    current: Job,
    booking: Booking,
    first: datetime | None,
    *,
    now: datetime,
) -> Job:
    """Store the next version of a locked job; `first` is its first firing, None for no firing.

    `now` was read under the lock. Raises NameTaken if another job has the booking's name, and
    Conflict if the old version makes the only firing of the new one.
    """
    next_at: datetime | None = None
    if booking.enabled:
        _claim_overdue(context, connection, caller, current, now)
        replaced = f"replaced by version {current.version + 1} of the job"
        kept = inflight.cancel_replaced(
            driver_of(connection), current.id, replaced, CANCEL_DEADLINE
        )
        if booking.trigger != current.booking.trigger:
            inflight.detach_paused(driver_of(connection), current.id, replaced)
        next_at = _after_kept(booking, first, kept)
    else:
        inflight.cancel_by_pause(
            driver_of(connection), current.id, counted=current.booking.remaining is not None
        )
    keep = superseded.keep if booking.enabled else superseded.keep_anyhow
    keep(driver_of(connection), current.id)
    store.update_job(driver_of(connection), current, booking, next_at)
    return next_version(current, booking, next_at)


def delete(context: Context, caller: Caller, job_id: UUID) -> None:
    """Delete a job; none of its calls begins later than 100 ms after this returns.

    A job that has already ended can be deleted while one of its runs is redelivered, which cancels
    that run. Raises NotFound.
    """
    with context.database.transaction() as connection:
        if store.lock(driver_of(connection), caller.account.id, job_id):
            delete_locked(connection, job_id)
            return
        if not inflight.cancel_left(driver_of(connection), caller.account.id, job_id, _DELETED):
            raise unknown_job(job_id)
        superseded.drop(driver_of(connection), job_id)


def delete_locked(connection: Connection, job_id: UUID) -> None:
    """Delete a job whose row is locked; as `delete`."""
    inflight.cancel_all(driver_of(connection), job_id, _DELETED)
    store.remove(driver_of(connection), job_id)
    superseded.drop(driver_of(connection), job_id)


def unknown_job(job_id: UUID) -> NotFound:
    """Return the error for a job that does not exist or that another account owns."""
    return NotFound(
        f"There is no job {job_id}.",
        member="id",
        remedy="GET /1/jobs lists the ids of this account's jobs.",
    )


def changed(job: Job) -> Conflict:
    """Return the error for a change to an earlier version of a job."""
    return Conflict(
        f"The job was changed meanwhile: its version is now {job.version}.",
        remedy="Open the form again, in another tab, and enter your changes there.",
    )


def get_locked(connection: Connection, caller: Caller, job_id: UUID) -> Job:
    """Lock a job and return its latest version. Raises NotFound."""
    if not store.lock(driver_of(connection), caller.account.id, job_id):
        raise unknown_job(job_id)
    found = store.find(connection, caller.account.id, job_id)
    if found is None:
        raise unknown_job(job_id)
    return found


def check_booking(context: Context, booking: Booking) -> None:
    """Refuse a booking that cannot be delivered; raises InvalidMember, TooLarge."""
    check(booking, context.url_rules)


def _claim_overdue(
    context: Context, connection: Connection, caller: Caller, current: Job, now: datetime
) -> None:
    """Claim the firings due within CANCEL_DEADLINE that no scheduler has claimed.

    These firings belong to the old version. The scheduler orders their runs among the firings that
    the account has postponed.
    """
    if current.next_at is None:
        return
    why = None
    if current.owed_for is not None:
        limits = limits_of(context, caller.account)
        allowed = Allowed(per_second=limits.firings_per_second, runs=limits.runs_under_way)
        why = reason(allowed, current.owed_for)
    firings = catch_up(
        current.booking.trigger,
        due_at=current.owed_at or current.next_at,
        now=now + CANCEL_DEADLINE,
        misfire=current.booking.misfire,
        postponed=current.owed_at is not None,
    )
    overdue = [
        Overdue(new_id(), each.fire_at, each.missed, why)
        for each in firings
        if each.fire_at is not None
    ]
    # Only the first of them was postponed.
    overdue[1:] = [each._replace(reason=None) for each in overdue[1:]]
    inflight.claim_overdue(driver_of(connection), current.id, overdue)


def _after_kept(
    booking: Booking, next_at: datetime | None, kept: datetime | None
) -> datetime | None:
    """Return the first firing after `kept`, the old version's last firing that is still called.

    Raises Conflict if the new version's only firing is at the instant of `kept`.
    """
    if next_at is None or kept is None or kept < next_at:
        return next_at
    if is_recurring(booking.trigger):
        return next_after(booking.trigger, kept)
    if kept == next_at:
        raise arming.made(next_at)
    return next_at


def new_job(job_id: UUID, account: Account, booking: Booking, first: datetime | None) -> Job:
    """Return the first version of a job; `first` is its first firing if it is enabled."""
    next_at = first if booking.enabled else None
    return Job(id=job_id, account=account.name, version=1, next_at=next_at, booking=booking)


def next_version(current: Job, booking: Booking, next_at: datetime | None) -> Job:
    """Return the job after a change to `booking`; its next firing is not postponed yet."""
    return Job(
        id=current.id,
        account=current.account,
        version=current.version + 1,
        next_at=next_at,
        booking=booking,
    )
