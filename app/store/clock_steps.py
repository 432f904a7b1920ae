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

PAGE: Final = 2000
"""Rows of `due` that are read at once."""

_TRIES: Final = 3
"""How often a statement is tried that may succeed later."""

# No lease is longer than LEASE.
_LEASES: Final = """
UPDATE inflight
SET lease_until = least(lease_until, clock_timestamp() + %(lease)s),
    look_at = least(look_at, clock_timestamp() + %(lease)s)
WHERE id = ANY (ARRAY(
  SELECT id FROM inflight
  WHERE state = 'taken' AND greatest(lease_until, look_at) > clock_timestamp() + %(lease)s
  ORDER BY id FOR UPDATE SKIP LOCKED))
"""

# An attempt that began in the future was made while the clock was ahead, and the time of what
# follows it was computed from there. A run by hand is due when it was requested, which is now at
# the latest. Several runs of one job that were requested later keep their order, a microsecond
# apart.
_RETRIES: Final = """
WITH now AS MATERIALIZED (
  SELECT clock_timestamp() AS at
), found AS MATERIALIZED (
  SELECT i.id, i.job_id, i.job_version, i.kind, i.due_at, now.at, a.started_at - now.at AS ahead,
         i.kind <> 'scheduled' AND i.due_at > now.at AS was_asked_for_later
  FROM now CROSS JOIN inflight i
  CROSS JOIN LATERAL (
    SELECT started_at FROM attempt a
    WHERE a.run_id = i.id AND a.number = i.attempts AND a.due_at = i.due_at OFFSET 0) a
  WHERE i.state IN ('waiting', 'running') AND i.attempts > 0
    AND a.started_at > now.at + interval '1 s'
  ORDER BY i.id FOR UPDATE OF i SKIP LOCKED
), late AS MATERIALIZED (
  SELECT id, at, ahead,
         CASE WHEN was_asked_for_later
              THEN at - interval '1 microsecond' * row_number() OVER (
                PARTITION BY job_id, job_version, kind ORDER BY due_at DESC)
              ELSE due_at END AS due_at
  FROM found
), told AS (
  UPDATE attempt a SET started_at = least(a.started_at, late.at), due_at = late.due_at
  FROM late WHERE a.run_id = late.id
)
UPDATE inflight i
SET due_at = late.due_at,
    send_at = greatest(late.due_at, i.planned_at, i.send_at - late.ahead),
    complete_by = i.complete_by - late.ahead,
    look_at = CASE WHEN i.state = 'running' OR i.cancelled_at IS NOT NULL
                   THEN greatest(late.at, i.look_at - late.ahead)
                   ELSE greatest(late.at, late.due_at, i.planned_at, i.send_at - late.ahead)
                        - %(ahead)s::interval END
FROM late WHERE i.id = late.id
"""

# A run that a worker was notified of is checked again a while after its time, or after now. A run
# by hand, or one that is redelivered, has been waiting for longer than it should.
_STARTS: Final = """
WITH now AS MATERIALIZED (
  SELECT clock_timestamp() AS at
)
UPDATE inflight i
SET due_at = asked.due_at, send_at = asked.send_at,
    look_at = CASE WHEN asked.send_at < i.send_at THEN asked.send_at
                   ELSE least(i.look_at, asked.send_at + %(renotify_after)s) END
FROM (SELECT id, due_at, greatest(due_at, at) AS send_at
      FROM (SELECT f.id, now.at,
                   CASE WHEN f.kind <> 'scheduled' AND f.attempts = 0 AND f.due_at > now.at
                        THEN now.at - interval '1 microsecond' * row_number() OVER (
                          PARTITION BY f.job_id, f.job_version, f.kind ORDER BY f.due_at DESC)
                        ELSE f.due_at END AS due_at
            FROM now CROSS JOIN LATERAL (
              SELECT id, job_id, job_version, kind, attempts, due_at
              FROM inflight
              WHERE state = 'claimed' AND destination IS NULL AND look_at < 'infinity'
                AND look_at > now.at + interval '10 s'
              ORDER BY id FOR UPDATE SKIP LOCKED) f) apart) asked
WHERE i.id = asked.id
"""

# A parked run is unparked early, at worst, and is parked again.
_PARKED: Final = """
UPDATE inflight i
SET planned_at = greatest(due_at, least(planned_at, clock_timestamp())),
    send_at = greatest(due_at, least(planned_at, clock_timestamp()), send_at - %(step)s::interval),
    look_at = greatest(clock_timestamp(), look_at - %(step)s::interval)
WHERE id = ANY (ARRAY(
  SELECT id FROM inflight
  WHERE destination IS NOT NULL AND state IN ('waiting', 'claimed') AND look_at < 'infinity'
    AND send_at > clock_timestamp()
  ORDER BY id FOR UPDATE SKIP LOCKED))
"""

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
        ("superseded", "superseded_at"),
    )
)
_UNDER_WAY: Final = (_LEASES, _RETRIES, _STARTS, _PARKED)

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

# A claim, or a change of the job, that came between has armed it.
_ARM: Final = """
UPDATE due SET next_at = CASE WHEN next_at IS NOT NULL THEN %(next_at)s::timestamptz END,
               held_at = CASE WHEN held_at IS NOT NULL THEN %(next_at)s::timestamptz END
WHERE job_id = %(job_id)s AND coalesce(next_at, held_at) = %(armed)s AND owed_at IS NULL
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
    brought = sum(_execute(connection, each, params, failed) for each in _UNDER_WAY)
    for each in (_PACES, *_NOTES):
        _execute(connection, each, params, failed)
    return brought


def bring_back_outcomes(
    connection: psycopg.Connection, *, failed: Callable[[psycopg.Error], None]
) -> int:
    """Bring back what follows attempts that began in the future; how many runs.

    Unlike `bring_back`, it may be repeated. Raises psycopg.Error when the database is away.
    """
    return _execute(connection, _RETRIES, {"ahead": LOOK_AHEAD}, failed)


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
    return connection.execute(_ARM, params).rowcount
