"""Jobs by name: reads, replaces and deletes jobs by name, for clients that declare their jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from app.domain.account import Caller
from app.domain.booking import check_name
from app.domain.checks import quoted
from app.domain.job import Booking, Job, ReadOnlyMembers
from app.domain.usage import Use
from app.errors import Conflict, NotFound
from app.service import arming, jobs, read_only_members, usage
from app.service.context import Context
from app.service.usage import within_limits
from app.store import jobs as store
from app.store.clock import read_clock
from app.store.job_names import holder

# A further try is needed only if other requests changed which job has the name.
TRIES: Final = 5


class Outcome(StrEnum):
    """What a request did, or would do, to the job of its name."""

    CREATED = "created"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, kw_only=True, slots=True)
class Put:
    """The job after the request, and what the request did to it."""

    job: Job
    outcome: Outcome


def get(context: Context, caller: Caller, name: str) -> Job:
    """Return the caller's job with this name. Raises InvalidMember, NotFound."""
    check_name(name)
    with context.database.statement() as connection:
        found = store.find_named(connection, caller.account.id, name)
    if found is None:
        raise _unknown(name)
    return found


@within_limits
def put(context: Context, caller: Caller, booking: Booking, read_only: ReadOnlyMembers) -> Put:
    """Book a job under its name, or replace the job that has this name by its next version.

    A job that already equals `booking` is not changed: its version and its firings stay.
    `booking.name` must not be None. Raises InvalidMember, TooLarge, Conflict and LimitReached.
    """
    name = booking.name or ""
    check_name(name)
    jobs.check_booking(context, booking)
    for _ in range(TRIES):
        # Read without a lock: a claim skips a locked job, and most often nothing has changed.
        with context.database.statement() as connection:
            current = store.find_named(connection, caller.account.id, name)
        if current is None:
            try:
                return Put(job=jobs.create(context, caller, booking), outcome=Outcome.CREATED)
            except Conflict:
                # A booking has only one conflict: another job has just taken the name.
                continue
        if current.booking == booking:
            return _left_alone(current, read_only, caller.now)
        with _locked(context, caller, name) as (connection, found):
            if found is not None and found.booking == booking:
                return _left_alone(found, read_only, read_clock(connection))
            if found is not None:
                replaced = jobs.make_next_version(
                    context, connection, caller, found, booking, read_only
                )
                return Put(job=replaced, outcome=Outcome.REPLACED)
    raise _unsettled(name)


def check_put(
    context: Context, caller: Caller, booking: Booking, read_only: ReadOnlyMembers
) -> Put:
    """Return what `put` would do now, with the same checks; locks and stores nothing.

    Without the lock, a firing that is claimed at this moment is not considered: `next_at` of a
    replaced job may then be that firing. Raises what `put` raises.
    """
    name = booking.name or ""
    check_name(name)
    jobs.check_booking(context, booking)
    for _ in range(TRIES):
        with context.database.snapshot() as connection:
            current = store.find_named(connection, caller.account.id, name)
            now = read_clock(connection)
            if current is not None and current.booking == booking:
                return _left_alone(current, read_only, now)
            if current is not None:
                read_only_members.check(read_only, current, now)
                first = arming.on_update(connection, current, booking, now)
        if current is not None:
            usage.check(context, caller.account, _growth(current.booking, booking))
            next_at = first if booking.enabled else None
            replaced = jobs.next_version(current, booking, next_at)
            return Put(job=replaced, outcome=Outcome.REPLACED)
        try:
            made = jobs.create(context, caller, booking, dry_run=True)
        except Conflict:
            # A booking has only one conflict: another job has just taken the name.
            continue
        return Put(job=made, outcome=Outcome.CREATED)
    raise _unsettled(name)


def delete(context: Context, caller: Caller, name: str) -> None:
    """Delete the job with this name; as `jobs.delete`.

    Raises InvalidMember, NotFound, Conflict.
    """
    check_name(name)
    for _ in range(TRIES):
        with _locked(context, caller, name) as (connection, found):
            if found is not None:
                jobs.delete_locked(connection, found.id)
                return
        get(context, caller, name)
    raise _unsettled(name)


def _growth(before: Booking, after: Booking) -> Use:
    """Return what the job would use more than it does: the bytes of its URL and data."""
    old, new = (len(each.url) + len(each.data or b"") for each in (before, after))
    return Use(jobs=0, bytes=max(0, new - old))


def _left_alone(current: Job, read_only: ReadOnlyMembers, now: datetime) -> Put:
    read_only_members.check(read_only, current, now)
    return Put(job=current, outcome=Outcome.UNCHANGED)


@contextmanager
def _locked(context: Context, caller: Caller, name: str) -> Iterator[tuple[Connection, Job | None]]:
    """Open a transaction with the job of this name, locked.

    The job is None if it does not exist, or lost the name before it was locked.
    """
    with context.database.transaction() as connection:
        job_id = holder(connection, caller.account.id, name)
        found: Job | None = None
        if job_id is not None:
            with suppress(NotFound):
                found = jobs.get_locked(connection, caller, job_id)
        # The name was read under the lock, and no job changes its name without the lock.
        yield connection, None if found is None or found.booking.name != name else found


def _unknown(name: str) -> NotFound:
    return NotFound(
        f"There is no job named {quoted(name)}.",
        member="name",
        remedy="PUT to this path books one. Names are compared exactly, including case.",
    )


def _unsettled(name: str) -> Conflict:
    return Conflict(
        f"The name {quoted(name)} moved between jobs while the request was processed.",
        member="name",
        remedy="Send the request again.",
    )
