"""Booking batches: stores bookings of many callers in one statement, each of them or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain.account import CachedCaller
from app.domain.job import Booking, Dialect
from app.domain.trigger import is_recurring, is_serial
from app.store.binary_arrays import array_of
from app.store.job_columns import COLUMNS, element_type
from app.store.jobs import columns_of
from app.store.queries import run

_INSTANT: Final = "TIMESTAMP WITH TIME ZONE"
_ELEMENT_TYPES: Final = tuple((each.name, element_type(each)) for each in COLUMNS)


class WantedJob(NamedTuple):
    """A job that is to be stored if its caller is valid when that happens."""

    id: UUID
    caller: CachedCaller
    booking: Booking
    first: datetime
    """Its first firing."""
    earliest: datetime
    latest: datetime
    """The job is stored only while the database's clock is from `earliest` to before `latest`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredBatch:
    """The ids of the jobs of a batch that were stored, and the database's clock, if any was."""

    ids: frozenset[UUID]
    clock: datetime | None


def insert_batch(connection: psycopg.Connection, wanted: Sequence[WantedJob]) -> StoredBatch:
    """Store these jobs and their due rows, except those that may not be stored, in one commit.

    A job is left out if its caller's key, account or app is not valid, if the clock is not between
    its bounds, or if its name is taken.
    """
    in_order = sorted(wanted, key=_place)
    bookings = [each.booking for each in in_order]
    callers: dict[tuple[int, str, str | None], int] = {}
    numbers = [callers.setdefault(_who(each), len(callers) + 1) for each in in_order]
    distinct = {_who(each): each for each in in_order}
    params = {
        **_of_callers([distinct[who] for who in callers]),
        "callers": array_of("INTEGER", numbers),
        "ids": array_of("UUID", [each.id for each in in_order]),
        "earliest": array_of(_INSTANT, [each.earliest for each in in_order]),
        "latest": array_of(_INSTANT, [each.latest for each in in_order]),
        "recurring": array_of("BOOLEAN", [is_recurring(each.trigger) for each in bookings]),
        "serial": array_of("BOOLEAN", [is_serial(each.trigger) for each in bookings]),
        "remaining": array_of("INTEGER", [each.remaining for each in bookings]),
        "nexts": array_of(
            _INSTANT, [each.first if each.booking.enabled else None for each in in_order]
        ),
        **_of_jobs(bookings),
    }
    rows = run(connection, "book_batch", params).fetchall()
    return StoredBatch(ids=frozenset(row[0] for row in rows), clock=rows[-1][1] if rows else None)


def _place(wanted: WantedJob) -> tuple[int, str, str, str]:
    """What batches are sorted by: the columns of the index that names wait for."""
    booking = wanted.booking
    return wanted.caller.account.id, booking.dialect, booking.endpoint, booking.name or ""


def _app(wanted: WantedJob) -> str | None:
    """The app whose job it is; None for a job of the native API."""
    return wanted.booking.endpoint if wanted.booking.dialect is Dialect.DAPR else None


def _who(wanted: WantedJob) -> tuple[int, str, str | None]:
    return wanted.caller.account.id, wanted.caller.key_id, _app(wanted)


def _of_callers(callers: Sequence[WantedJob]) -> dict[str, Any]:
    return {
        "key_ids": array_of("TEXT", [each.caller.key_id for each in callers]),
        "digests": array_of("BYTEA", [each.caller.digest for each in callers]),
        "account_ids": array_of("BIGINT", [each.caller.account.id for each in callers]),
        "apps": array_of("TEXT", [_app(each) for each in callers]),
    }


def _of_jobs(bookings: Sequence[Booking]) -> dict[str, Any]:
    columns = columns_of(bookings)
    return {name: array_of(kind, columns[name]) for name, kind in _ELEMENT_TYPES}
