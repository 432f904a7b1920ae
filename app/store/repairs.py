"""Repairs: jobs that lost their next firing are armed again; what was kept too long is dropped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain.one_time import At
from app.domain.trigger import from_document, next_after
from app.store.job_ends import end_locked, has_fired
from app.store.queries import run, value

# Few, and found without an index: one for each rotation of the last hour, among all that there are.
_DROP_SECRETS: Final = "DELETE FROM signing_secret WHERE expires_at <= trusted_clock()"

# What no holder acknowledged, as it ended or lost its lease. A word names it for ten seconds.
_DROP_ABORTED: Final = """
DELETE FROM aborted
WHERE run_id = ANY (ARRAY(
  SELECT run_id FROM aborted WHERE aborted_at < trusted_clock() - interval '1 minute'
  ORDER BY aborted_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


class _Orphan(NamedTuple):
    job_id: UUID
    version: int
    trigger: dict[str, Any]
    held_at: datetime | None
    remaining: int | None
    now: datetime


class Repaired(NamedTuple):
    """How many jobs were armed again, which no orderly life needs, and how many ended."""

    armed: int
    ended: int


def rearm_orphans(
    connection: psycopg.Connection,
    *,
    limit: int,
    unreadable: Callable[[UUID, Exception], None],
) -> Repaired:
    """Arm or end up to `limit` live jobs that have neither a next firing nor a run.

    A one-time job that never fired gets its instant back and fires late; a recurring one gets the
    firing after the last that history knows, so that the claim finds what was missed; one that
    was held back for a run that is gone, its own. Where there is none any more, the job ends: its
    process was ended between the end of its last run and the end of the job.
    """
    armed = 0
    over: list[UUID] = []
    with connection.transaction():
        rows = run(connection, "orphans", {"limit": limit}).fetchall()
        for orphan in map(_Orphan._make, rows):
            try:
                next_at = orphan.held_at
                if next_at is None and orphan.remaining != 0:
                    next_at = _next(connection, orphan)
            except Exception as error:  # noqa: BLE001 - one bad row never stops the loop
                unreadable(orphan.job_id, error)
                continue
            if next_at is None:
                over.append(orphan.job_id)
            else:
                run(connection, "arm", {"job_id": orphan.job_id, "next_at": next_at})
                armed += 1
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


def drop_secrets(connection: psycopg.Connection) -> int:
    """Drop signing secrets that have expired; how many there were."""
    return connection.execute(_DROP_SECRETS).rowcount


def drop_aborted(connection: psycopg.Connection, *, limit: int) -> int:
    """Drop up to `limit` notes of runs that were aborted a minute ago; how many there were."""
    return connection.execute(_DROP_ABORTED, {"limit": limit}).rowcount


def drop_superseded(connection: psycopg.Connection, first_kept: datetime, *, limit: int) -> int:
    """Drop up to `limit` contents that were superseded before `first_kept`; how many there were."""
    params = {"first_kept": first_kept, "limit": limit}
    return run(connection, "drop_superseded", params).rowcount
