"""Orphans: re-arm or end jobs that have lost their next firing, because a process was killed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain.one_time import At
from app.domain.trigger import from_document, next_after
from app.store.halving import is_refused
from app.store.job_ends import end_locked, has_fired
from app.store.queries import run, value

FIRST: Final = UUID(int=0)
"""The position before all jobs."""

_LAST: Final = UUID(int=(1 << 128) - 1)


class _Orphan(NamedTuple):
    job_id: UUID
    version: int
    trigger: dict[str, Any]
    blocked_next_at: datetime | None
    """The column held_at: the next firing of a serial job, which waits for the run before it."""
    remaining: int | None
    now: datetime


class Repaired(NamedTuple):
    """What the maintenance did with orphans."""

    armed: int
    """Jobs that were armed again."""
    ended: int
    """Jobs that had no firing left."""


def last_unarmed(connection: psycopg.Connection, *, after: UUID, most: int) -> UUID | None:
    """Return the last of the `most` jobs after `after` that have no next firing; None if fewer."""
    found: UUID | None = value(run(connection, "last_unarmed", {"after": after, "most": most}))
    return found


def rearm_orphans(
    connection: psycopg.Connection,
    *,
    limit: int,
    unreadable: Callable[[UUID, Exception], None],
    after: UUID = FIRST,
    until: UUID | None = None,
) -> Repaired:
    """Arm or end up to `limit` jobs that have neither a next firing nor a run under way.

    They are searched among the jobs after `after` and, if it is given, up to `until`.

    A one-time job that never fired gets its instant back and fires late. A recurring job gets the
    firing after the last one in history, so that the claim finds the missed ones. A job whose next
    firing was blocked by a run that is gone gets that firing. A job with no firing left ends: the
    process that settled its last run was killed before it ended the job.
    """
    armed = 0
    over: list[UUID] = []
    with connection.transaction():
        params = {"limit": limit, "after": after, "until": until or _LAST}
        rows = run(connection, "orphans", params).fetchall()
        for orphan in map(_Orphan._make, rows):
            try:
                next_at = orphan.blocked_next_at
                if next_at is None and orphan.remaining != 0:
                    next_at = _next(connection, orphan)
                if next_at is None:
                    over.append(orphan.job_id)
                    continue
                with connection.transaction():
                    run(connection, "arm", {"job_id": orphan.job_id, "next_at": next_at})
                armed += 1
            except Exception as error:
                if not is_refused(error):
                    raise
                # One row that cannot be read or written never stops the others.
                unreadable(orphan.job_id, error)
        end_locked(connection, over)
    return Repaired(armed, len(over))


def _next(connection: psycopg.Connection, orphan: _Orphan) -> datetime | None:
    trigger = from_document(orphan.trigger)
    job_id, version = orphan.job_id, orphan.version
    if not isinstance(trigger, At):
        key = {"job_id": job_id, "version": version}
        made = value(run(connection, "latest_made_firing", key))
        return next_after(trigger, orphan.now if made is None else made)
    return None if has_fired(connection, job_id, version, trigger.instant) else trigger.instant
