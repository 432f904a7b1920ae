"""Clock steps: after the clock was set back, corrects times that were written while it was ahead.

A lease, a retry or a next firing that was computed from a wrong clock would otherwise come an hour,
or a year, late. If two schedulers correct the same step, a few waits end early, and no firing is
made twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain.dapr.schedule import DaprSchedule
from app.domain.timings.claiming import LOOK_AHEAD, RENOTIFY_AFTER
from app.domain.timings.leases import LEASE
from app.domain.trigger import from_document, next_after
from app.store.database_errors import Kind, kind_of
from app.store.queries import SQL, run

PAGE: Final = 2000
"""Rows of `due` that are read at once."""

_TRIES: Final = 3
"""How often a statement is tried that may succeed later."""

_PACES: Final = """
UPDATE firing_pace
SET spent_until = least(spent_until, greatest(clock_timestamp(), spent_until - %(step)s::interval)),
    queued_until = least(queued_until,
                         greatest(clock_timestamp(), queued_until - %(step)s::interval))
WHERE account_id = ANY (ARRAY(
  SELECT account_id FROM firing_pace WHERE greatest(spent_until, queued_until) > clock_timestamp()
  ORDER BY account_id FOR UPDATE SKIP LOCKED))
"""

# Rows that are kept, or count as new, for some time after they were written.
_NOTES: Final = tuple(
    f"UPDATE {table} SET {column} = clock_timestamp()"  # noqa: S608 - names of this module
    f" WHERE {column} > clock_timestamp() + interval '1 s'"
    for table, column in (
        ("heartbeat", "beaten_at"),
        ("aborted", "aborted_at"),
        ("account", "resumed_at"),
        ("kept_answer", "kept_at"),
    )
)
_UNDER_WAY: Final = ("set_back_leases", "set_back_retries", "set_back_starts", "set_back_parked")

# One page of all jobs, with the trigger of those whose next firing is still to come. Firings of the
# schedule that were already made, though their time is still to come, count as past.
_PAGE: Final = """
SELECT d.job_id, j.trigger, coalesce(d.next_at, d.held_at),
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
  SELECT trigger FROM job
  WHERE id = d.job_id AND account_id = d.account_id AND d.recurring AND d.owed_at IS NULL
    AND coalesce(d.next_at, d.held_at) > clock_timestamp() LIMIT 1) j ON true
ORDER BY d.job_id
"""


class _Armed(NamedTuple):
    """A recurring job with its next firing, and the last firing that was made."""

    job_id: UUID
    trigger: dict[str, Any]
    next_at: datetime
    now: datetime
    made: datetime | None


def read_epoch(connection: psycopg.Connection) -> float:
    """The database's clock, in seconds since 1970."""
    row = connection.execute("SELECT date_part('epoch', clock_timestamp())").fetchone()
    return 0.0 if row is None else float(row[0])


def bring_back(
    connection: psycopg.Connection, *, step: float, failed: Callable[[psycopg.Error], None]
) -> int:
    """Correct runs in flight after the clock was set back by `step` seconds; return how many.

    `failed` is called for a statement that fails at every try; the others are executed. Raises
    psycopg.Error when the database is away.
    """
    params = {
        "lease": LEASE,
        "renotify_after": RENOTIFY_AFTER,
        "ahead": LOOK_AHEAD,
        "step": f"{step} s",
    }
    brought = sum(_execute(connection, SQL[each], params, failed) for each in _UNDER_WAY)
    for each in (_PACES, *_NOTES, SQL["set_back_superseded"]):
        _execute(connection, each, params, failed)
    return brought


def bring_back_outcomes(
    connection: psycopg.Connection, *, failed: Callable[[psycopg.Error], None]
) -> int:
    """Bring back what follows attempts that began in the future; how many runs.

    Unlike `bring_back`, it may be repeated. Raises psycopg.Error when the database is away.
    """
    return _execute(connection, SQL["set_back_retries"], {"ahead": LOOK_AHEAD}, failed)


def _execute(
    connection: psycopg.Connection,
    statement: str,
    params: dict[str, Any],
    failed: Callable[[psycopg.Error], None],
) -> int:
    """Execute a statement; return how many rows it changed, 0 where it fails at every try."""
    for tries in range(1, _TRIES + 1):
        try:
            return connection.execute(statement, params).rowcount
        except psycopg.Error as error:
            kind = kind_of(error)
            if kind is Kind.AWAY:
                raise
            if kind is Kind.REFUSED or tries == _TRIES:
                failed(error)
                break
    return 0


def rearm_ahead(
    connection: psycopg.Connection,
    *,
    has_ended: Callable[[], bool],
    unreadable: Callable[[UUID, Exception], None],
) -> int:
    """Arm recurring jobs again that were armed too late for their schedule; return how many.

    A firing that was already made, though its time is still to come, is not made again.
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
        trigger = from_document(armed.trigger)
        if isinstance(trigger, DaprSchedule) and since > armed.now:
            # All of its ticks are made, perhaps in the run of another: it goes on after the last.
            return 0
        expected = next_after(trigger, since)
    except Exception as error:  # noqa: BLE001 - one bad row never stops the loop
        unreadable(armed.job_id, error)
        return 0
    if expected is None or expected >= armed.next_at:
        return 0
    params = {"job_id": armed.job_id, "armed": armed.next_at, "next_at": expected}
    return run(connection, "arm_earlier", params).rowcount
