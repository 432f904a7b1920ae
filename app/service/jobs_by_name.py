"""Named: jobs by the names their account gave them, for clients that say how things shall be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from app.domain.account import Caller
from app.domain.booking import check_name
from app.domain.checks import quoted
from app.domain.job import Booking, Job, ReadOnlyMembers
from app.errors import Conflict, NotFound
from app.service import jobs
from app.service.context import Context
from app.service.usage import within_limits
from app.store import jobs as store
from app.store.clock import read_clock
from app.store.job_names import holder

# Each further one means that others gave, took or moved this very name meanwhile.
TRIES: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Put:
    """The job as it now stands, and whether it is a new one."""

    job: Job
    created: bool


def get(context: Context, caller: Caller, name: str) -> Job:
    """The caller's job of that name. Raises InvalidMember, NotFound."""
    check_name(name)
    with context.database.statement() as connection:
        found = store.find_named(connection, caller.account.id, name)
    if found is None:
        raise _unknown(name)
    return found


@within_limits
def put(context: Context, caller: Caller, booking: Booking, read_only: ReadOnlyMembers) -> Put:
    """Book a job under its name, or give the one that bears it its next version.

    A job that is as `booking` wants it already is left alone: its version stays, and so do its
    firings. `booking.name` is given. Raises InvalidMember, TooLarge, Conflict.
    """
    name = booking.name or ""
    check_name(name)
    jobs.check_booking(context, booking)
    for _ in range(TRIES):
        # Unlocked: a claim passes over a job that is locked, and most often nothing has changed.
        with context.database.statement() as connection:
            current = store.find_named(connection, caller.account.id, name)
        if current is None:
            try:
                return Put(job=jobs.create(context, caller, booking), created=True)
            except Conflict:
                # The one conflict a booking can meet: somebody took the name just now.
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
                return Put(job=replaced, created=False)
    raise _unsettled(name)


def delete(context: Context, caller: Caller, name: str) -> None:
    """End the job of that name; as `jobs.delete`. Raises InvalidMember, NotFound, Conflict."""
    check_name(name)
    for _ in range(TRIES):
        with _locked(context, caller, name) as (connection, found):
            if found is not None:
                jobs.delete_locked(connection, found.id)
                return
        get(context, caller, name)
    raise _unsettled(name)


def _left_alone(current: Job, read_only: ReadOnlyMembers, now: datetime) -> Put:
    jobs.check_read_only(read_only, current, now)
    return Put(job=current, created=False)


@contextmanager
def _locked(context: Context, caller: Caller, name: str) -> Iterator[tuple[Connection, Job | None]]:
    """A transaction with the job of that name, locked; None if it lost the name meanwhile."""
    with context.database.transaction() as connection:
        job_id = holder(connection, caller.account.id, name)
        found: Job | None = None
        if job_id is not None:
            with suppress(NotFound):
                found = jobs.get_locked(connection, caller, job_id)
        # Read under the lock, without which no job changes its name.
        yield connection, None if found is None or found.booking.name != name else found


def _unknown(name: str) -> NotFound:
    return NotFound(
        f"There is no job of the name {quoted(name)}.",
        member="name",
        remedy="PUT here books one; a name counts letter for letter.",
    )


def _unsettled(name: str) -> Conflict:
    return Conflict(
        f"The name {quoted(name)} went from job to job while this was done.",
        member="name",
        remedy="Send the request again.",
    )
