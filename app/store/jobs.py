"""Jobs: inserts, reads, replaces and deletes jobs and their due rows, under the due row's lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg
from sqlalchemy import (
    Connection,
    Row,
    Select,
    case,
    func,
    select,
)

from app.domain.account import CachedCaller
from app.domain.firing_rate import Bound
from app.domain.follow import Follow
from app.domain.job import Booking, Dialect, Job
from app.domain.trigger import from_document, is_permanent, is_recurring, is_serial, to_document
from app.store import call_options, follows, misfires
from app.store.depth import current_depth
from app.store.job_names import minding_names, named
from app.store.queries import run
from app.store.serial import block_next
from app.store.tables import account, due, job

_CONVERTED: Final[Mapping[str, Callable[[Booking], Any]]] = MappingProxyType(
    {
        "trigger": lambda booking: _as_text(to_document(booking.trigger)),
        "tags": lambda booking: list(booking.tags) or None,
        "manner": lambda booking: _as_text(call_options.to_document(booking.call_options)),
        "misfire": lambda booking: booking.misfire.policy and str(booking.misfire.policy),
        "misfire_window": lambda booking: booking.misfire.window,
        "dialect": lambda booking: str(booking.dialect),
        "written": lambda booking: _as_text(booking.written),
    }
)
"""What the columns hold that are not as a member of the same name, documents as JSON text."""

_PLAIN: Final = tuple(
    each.name for each in fields(Booking) if each.name in job.c and each.name not in _CONVERTED
)
"""Members of a booking that a column of the same name holds as they are."""


def insert_job(
    connection: psycopg.Connection,
    *,
    job_id: UUID,
    account_id: int,
    booking: Booking,
    next_at: datetime | None,
) -> None:
    """Store a new job and its due row; raises NameTaken.

    `next_at` is None for a permanent job without a firing of its own to come.
    """
    insert_unfollowing(connection, job_id, account_id, booking, next_at)
    follows.insert(connection, job_id, booking.follows)


def insert_unfollowing(
    connection: psycopg.Connection,
    job_id: UUID,
    account_id: int,
    booking: Booking,
    next_at: datetime | None,
) -> None:
    """Like `insert_job`, for a job that does not follow another one: in one round trip."""
    params = {
        "id": job_id,
        "account_id": account_id,
        **columns_as_text(booking),
        **_schedule(booking),
        "next_at": next_at if booking.enabled else None,
    }
    with minding_names():
        run(connection, "book_any", params)


def insert_if_valid(
    connection: psycopg.Connection,
    job_id: UUID,
    caller: CachedCaller,
    booking: Booking,
    first: datetime,
) -> bool:
    """Store a new job and its due row if the caller's key is valid and `first` is in the future.

    `first` is the first firing after `caller.since`. Returns whether the job was stored; raises
    NameTaken.
    """
    params = {
        "key_id": caller.key_id,
        "digest": caller.digest,
        "since": caller.since,
        "first": first,
        "id": job_id,
        **columns_as_text(booking),
        "recurring": is_recurring(booking.trigger),
    }
    with minding_names():
        return run(connection, "book", params).rowcount == 1


def insert_of_app(
    connection: psycopg.Connection,
    job_id: UUID,
    caller: CachedCaller,
    booking: Booking,
    first: datetime,
    *,
    now: datetime,
) -> datetime | None:
    """Store a new job of a Dapr app if the caller is valid, the app exists, and it is about `now`.

    Returns the database's clock if the job was stored; raises NameTaken.
    """
    params = {
        "key_id": caller.key_id,
        "digest": caller.digest,
        "caller_id": caller.account.id,
        "now": now,
        "id": job_id,
        **columns_as_text(booking),
        **_schedule(booking),
        "next_at": first,
    }
    with minding_names():
        row = run(connection, "book_of_app", params).fetchone()
    return None if row is None else row[0]


def insert_jobs(connection: psycopg.Connection, account_id: int, jobs: Sequence[Job]) -> None:
    """Store new jobs and their due rows, all of them or none; raises NameTaken."""
    # In the order of their names, so that two transactions with the same names do not wait for each
    # other in a circle.
    in_order = sorted(jobs, key=lambda each: each.booking.name or "")
    others = {
        "account_id": account_id,
        "ids": [each.id for each in in_order],
        "recurring": [is_recurring(each.booking.trigger) for each in in_order],
        "nexts": [each.next_at for each in in_order],
    }
    with minding_names():
        run(connection, "book_together", columns_of([each.booking for each in in_order]) | others)


def find(connection: Connection, account_id: int, job_id: UUID) -> Job | None:
    """Return the account's job with that id; None if it is unknown or another account's."""
    return _found(connection, _shown().where(job.c.id == job_id, job.c.account_id == account_id))


def find_named(
    connection: Connection,
    account_id: int,
    name: str,
    dialect: Dialect = Dialect.NATIVE,
    endpoint: str = "",
) -> Job | None:
    """Return the account's job with that name in a dialect and at an endpoint, or None."""
    return _found(connection, _shown().where(*named(account_id, name, dialect, endpoint)))


def lock(connection: psycopg.Connection, account_id: int, job_id: UUID) -> bool:
    """Lock the job's due row; False if the account does not have such a job.

    Later statements of the transaction read the latest committed state of the job.
    """
    params = {"job_id": job_id, "account_id": account_id}
    return run(connection, "lock_job", params).fetchone() is not None


def update_job(
    connection: psycopg.Connection, current: Job, booking: Booking, next_at: datetime | None
) -> None:
    """Replace a locked job by its next version; raises NameTaken, which aborts the transaction.

    If the job is serial and a run of it is under way, `next_at` waits until that run has settled.
    """
    version = {"job_id": current.id, "version": current.version + 1}
    with minding_names():
        run(connection, "replace_job", {**version, **columns_as_text(booking)})
    run(connection, "replace_due", {**version, "next_at": next_at, **_schedule(booking)})
    block_next(connection, current.id)
    if current.booking.follows != booking.follows:
        follows.drop(connection, current.id)
        follows.insert(connection, current.id, booking.follows)


def remove(connection: psycopg.Connection, job_id: UUID) -> None:
    """Delete a locked job and the rows that make it a follower; its due row is deleted with it."""
    follows.drop(connection, job_id)
    run(connection, "remove_job", {"job_id": job_id})


def _shown() -> Select[Any]:
    return (
        select(
            job,
            account.c.name.label("account"),
            func.coalesce(due.c.next_at, due.c.held_at).label("next_at"),
            case(
                (func.coalesce(due.c.next_at, due.c.held_at) == due.c.owed_till, due.c.owed_at)
            ).label("owed_at"),
            due.c.owed_for,
            due.c.remaining,
        )
        .join(account, account.c.id == job.c.account_id)
        .join(due, due.c.job_id == job.c.id)
    )


def _found(connection: Connection, query: Select[Any]) -> Job | None:
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return to_job(row, follows.of_job(connection, row.id) if row.dialect == Dialect.FUSION else ())


def columns_as_text(booking: Booking) -> dict[str, Any]:
    """Return the columns of `job` that store a booking, its JSON documents as text for the driver.

    `_booking` reads them back.
    """
    return {
        **{name: getattr(booking, name) for name in _PLAIN},
        **{name: of(booking) for name, of in _CONVERTED.items()},
        "depth": current_depth(),
    }


def columns_of(bookings: Sequence[Booking]) -> dict[str, list[Any]]:
    """As `columns_as_text`, of many bookings: a list for each column.

    PostgreSQL requires an array of arrays to be rectangular, so lists of tags are JSON text too.
    """
    columns = {
        **{name: [getattr(each, name) for each in bookings] for name in _PLAIN},
        **{name: [of(each) for each in bookings] for name, of in _CONVERTED.items()},
        "depth": [current_depth()] * len(bookings),
    }
    columns["tags"] = [_as_text(tags) for tags in columns["tags"]]
    return columns


def _as_text(document: object) -> str | None:
    return None if document is None else orjson.dumps(document).decode()


def _schedule(booking: Booking) -> dict[str, Any]:
    return {
        "recurring": is_recurring(booking.trigger),
        "serial": is_serial(booking.trigger),
        "standing": is_permanent(booking.trigger),
        "remaining": booking.remaining,
    }


def to_job(row: Row[Any], followed: tuple[Follow, ...]) -> Job:
    """Return the job in a row that has the columns of `job`, and those of a job's next firing."""
    return Job(
        id=row.id,
        account=row.account,
        version=row.version,
        next_at=row.next_at,
        booking=_booking(row, followed),
        owed_at=row.owed_at,
        owed_for=None if row.owed_at is None else Bound(row.owed_for),
    )


def _booking(row: Row[Any], followed: tuple[Follow, ...]) -> Booking:
    """Return the booking stored in a row of `job`: the inverse of `columns_as_text`."""
    return Booking(
        **{name: getattr(row, name) for name in _PLAIN},
        written=row.written,
        trigger=from_document(row.trigger),
        tags=tuple(row.tags or ()),
        call_options=call_options.from_document(row.manner),
        misfire=misfires.of_columns(row.misfire, row.misfire_window),
        dialect=Dialect(row.dialect),
        remaining=row.remaining,
        follows=followed,
    )
