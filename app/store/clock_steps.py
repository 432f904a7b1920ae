"""Clock steps: after the clock was set back, corrects times that were written while it was ahead.

A lease, a retry or a next firing that was computed from a wrong clock would otherwise come an hour,
or a year, late. If two schedulers correct the same step, a few waits end early, and no firing is
made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from app.domain.dapr.schedule import DaprSchedule
from app.domain.one_time import At
from app.domain.timings.claiming import LOOK_AHEAD, RENOTIFY_AFTER
from app.domain.timings.leases import LEASE
from app.domain.trigger import counted_from, from_document, next_after, to_document
from app.store.database_errors import Kind, kind_of
from app.store.queries import SQL, Rows, run

PAGE: Final = 2000
"""Rows that one statement reads, or changes: each is far from its timeout, and holds locks briefly.
"""

_TRIES: Final = 3
"""How often a statement that may succeed later is tried."""

_PACES: Final = """
UPDATE firing_pace
SET spent_until = least(spent_until, greatest(clock_timestamp(), spent_until - %(step)s::interval)),
    queued_until = least(queued_until,
                         greatest(clock_timestamp(), queued_until - %(step)s::interval))
WHERE account_id = ANY (ARRAY(
  SELECT account_id FROM firing_pace
  WHERE greatest(spent_until, queued_until) > clock_timestamp() AND account_id > %(after)s
  ORDER BY account_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
RETURNING account_id
"""

# Columns by which rows are kept, or count as recent, for some time after they were written.
_NOTES: Final = tuple(
    f"UPDATE {table} SET {column} = clock_timestamp()"  # noqa: S608 - names of this module
    f" WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table}"
    f" WHERE {column} > clock_timestamp() + interval '1 s'"
    " LIMIT %(limit)s FOR UPDATE SKIP LOCKED))"
    for table, column in (
        ("heartbeat", "beaten_at"),
        ("aborted", "aborted_at"),
        ("account", "resumed_at"),
        ("kept_answer", "kept_at"),
        ("usage", "recounted_at"),
        ("web_session", "proved_at"),
        ("inbox", "last_call_at"),
    )
)

# Columns that end something a while after it was used or made.
_ENDS: Final = (
    """
UPDATE web_session
SET ends_at = ends_at - (seen_at - now.at), seen_at = now.at, created_at = least(created_at, now.at)
FROM (SELECT clock_timestamp() AS at) now
WHERE id = ANY (ARRAY(SELECT id FROM web_session WHERE seen_at > clock_timestamp() + interval '1 s'
                      LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
""",
    *(
        f"UPDATE {table} SET expires_at = expires_at - (created_at - now.at), created_at = now.at"  # noqa: S608 - names of this module
        " FROM (SELECT clock_timestamp() AS at) now"
        f" WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table}"
        " WHERE created_at > clock_timestamp() + interval '1 s'"
        " LIMIT %(limit)s FOR UPDATE SKIP LOCKED))"
        for table in ("invitation", "user_link")
    ),
)

# A process may be sending the mail just now, and has so long for it.
_MAIL: Final = """
UPDATE outbox SET next_at = clock_timestamp() + interval '2 min'
WHERE id = ANY (ARRAY(SELECT id FROM outbox WHERE next_at > clock_timestamp() + interval '121 s'
                      LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""

_OUTCOMES: Final = ("set_back_retries", "set_back_checks")
_UNDER_WAY: Final = (
    *("set_back_leases", "set_back_retries", "set_back_starts", "set_back_parked"),
    "set_back_checks",
)

# One page of all jobs, with the trigger of each job whose next firing is in the future. A firing of
# the schedule that is in the future but was already made counts as past.
_PAGE: Final = """
SELECT d.job_id, j.trigger, j.written, coalesce(d.next_at, d.held_at),
       clock_timestamp(),
       greatest(
         (SELECT max(due_at) FROM run r
          WHERE r.job_id = d.job_id AND r.kind = 'scheduled' AND r.state <> 'cancelled'
            AND r.due_at > now() AND j.trigger IS NOT NULL),
         (SELECT max(due_at) FROM inflight i
          WHERE i.job_id = d.job_id AND i.kind = 'scheduled' AND i.cancelled_at IS NULL
            AND j.trigger IS NOT NULL))
FROM (SELECT * FROM due WHERE job_id > %(after)s ORDER BY job_id LIMIT %(limit)s) d
LEFT JOIN LATERAL (
  SELECT trigger, written FROM job
  WHERE id = d.job_id AND account_id = d.account_id AND (d.recurring OR dialect = 'dapr')
    AND coalesce(d.owed_at > clock_timestamp(), true)
    AND coalesce(d.next_at, d.held_at) > clock_timestamp() LIMIT 1) j ON true
ORDER BY d.job_id
"""


class _Armed(NamedTuple):
    """A job with its next firing, and the latest future firing that was already made."""

    job_id: UUID
    trigger: dict[str, Any]
    written: dict[str, Any] | None
    next_at: datetime
    now: datetime
    made: datetime | None


def read_epoch(connection: psycopg.Connection) -> float:
    """Return the database's clock, in seconds since 1970."""
    row = connection.execute("SELECT date_part('epoch', clock_timestamp())").fetchone()
    return 0.0 if row is None else float(row[0])


def bring_back(
    connection: psycopg.Connection, *, step: float, failed: Callable[[psycopg.Error], None]
) -> int:
    """Correct runs in flight after the clock was set back by `step` seconds; return their number.

    If a statement fails at every try, `failed` is called, and the others are executed. Raises
    psycopg.Error if the database is away.
    """
    params = {
        "lease": LEASE,
        "renotify_after": RENOTIFY_AFTER,
        "ahead": LOOK_AHEAD,
        "step": f"{step} s",
    }
    repair = partial(_in_pages, connection, params, failed)
    brought = sum(repair(SQL[each], first=UUID(int=0)) for each in _UNDER_WAY)
    repair(_PACES, first=0)
    for each in (*_NOTES, *_ENDS, _MAIL, SQL["set_back_superseded"], SQL["set_back_secrets"]):
        repair(each)
    return brought


def bring_back_outcomes(
    connection: psycopg.Connection, *, failed: Callable[[psycopg.Error], None]
) -> int:
    """Correct retries after attempts of the future, and check times; return the number of runs.

    Unlike `bring_back`, it may be repeated. Raises psycopg.Error if the database is away.
    """
    params = {"ahead": LOOK_AHEAD}
    repair = partial(_in_pages, connection, params, failed)
    return sum(repair(SQL[each], first=UUID(int=0)) for each in _OUTCOMES)


def _in_pages(
    connection: psycopg.Connection,
    params: Mapping[str, Any],
    failed: Callable[[psycopg.Error], None],
    statement: str,
    *,
    first: UUID | int | None = None,
) -> int:
    """Execute a statement until it finds less than a page; return how many rows it changed.

    With `first`, which is below all keys, it returns the keys of a page, and the next page has
    those above. Without, a row that was changed is not found again.
    """
    changed, after = 0, first
    while True:
        page = {**params, "limit": PAGE, **({} if first is None else {"after": after})}
        cursor = _execute(connection, statement, page, failed)
        if cursor is None:
            return changed
        changed += cursor.rowcount
        if cursor.rowcount < PAGE:
            return changed
        if first is not None:
            after = max(key for (key,) in cursor.fetchall())


def _execute(
    connection: psycopg.Connection,
    statement: str,
    params: dict[str, Any],
    failed: Callable[[psycopg.Error], None],
) -> Rows | None:
    """Execute a statement; return None if it fails at every try."""
    for tries in range(1, _TRIES + 1):
        try:
            return connection.execute(statement, params)
        except psycopg.Error as error:
            kind = kind_of(error)
            if kind is Kind.AWAY:
                raise
            if kind is Kind.REFUSED or tries == _TRIES:
                failed(error)
                break
    return None


def rearm_ahead(
    connection: psycopg.Connection,
    *,
    has_ended: Callable[[], bool],
    unreadable: Callable[[UUID, Exception], None],
) -> int:
    """Re-arm jobs whose next firing is too late for their schedule; return their number.

    Times that are relative to a booking by a clock that was ahead count from now.

    A firing that is in the future but was already made is not made again.
    """
    armed = 0
    after = UUID(int=0)
    while not has_ended():
        rows = connection.execute(_PAGE, {"after": after, "limit": PAGE}).fetchall()
        for row in rows:
            if row[1] is not None:
                armed += _rearm(connection, _Armed(*row), unreadable)
        if len(rows) < PAGE:
            break
        after = rows[-1][0]
    return armed


def _rearm(
    connection: psycopg.Connection,
    armed: _Armed,
    unreadable: Callable[[UUID, Exception], None],
) -> int:
    since = armed.now if armed.made is None else max(armed.now, armed.made)
    try:
        stored = from_document(armed.trigger)
        if isinstance(stored, DaprSchedule) and since > armed.now:
            # Ticks up to `made` may share one run: the job continues after the last of them.
            return 0
        trigger = counted_from(stored, armed.written, since)
        expected = next_after(trigger, since)
        if expected is None and isinstance(trigger, At):
            expected = armed.now
    except Exception as error:  # noqa: BLE001 - one bad row never stops the loop
        unreadable(armed.job_id, error)
        return 0
    if trigger == stored and (expected is None or expected >= armed.next_at):
        return 0
    params = {
        "job_id": armed.job_id,
        "armed": armed.next_at,
        "next_at": min(expected or armed.next_at, armed.next_at),
        "stored": Jsonb(armed.trigger),
        "trigger": Jsonb(to_document(trigger)),
    }
    return run(connection, "arm_earlier", params).rowcount
