"""Runs under way: what a change of their job does to them, and runs by hand, under its lock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from app.domain.timings.claiming import MANUAL_DELAY
from app.store.depth import current_depth
from app.store.serial import hold

# Of a run that nobody holds nobody has to be told that it is cancelled (poll_cancellations).
# Rows are locked in the order of their ids, so that whoever else locks several of them waits in
# a line and not in a circle.
_CANCEL_ALL = text("""
UPDATE inflight
SET cancelled_at = clock_timestamp(), reason = :reason, withdrawal_known = state <> 'taken',
    look_at = CASE WHEN state = 'taken' THEN look_at ELSE clock_timestamp() END
WHERE id = ANY (ARRAY(SELECT id FROM inflight WHERE job_id = :job_id AND cancelled_at IS NULL
                      ORDER BY id FOR UPDATE))
""")

# A firing that was due when the update came, or will be within the last word's 100 ms, runs its
# course, retries included; every firing still further ahead is replaced.
_CANCEL_REPLACED = text("""
UPDATE inflight
SET cancelled_at = clock_timestamp(), reason = :reason, withdrawal_known = state <> 'taken',
    look_at = CASE WHEN state = 'taken' THEN look_at ELSE clock_timestamp() END
WHERE id = ANY (ARRAY(SELECT id FROM inflight WHERE job_id = :job_id AND cancelled_at IS NULL
                      ORDER BY id FOR UPDATE))
  AND due_at >= clock_timestamp() + :cancel_deadline
  AND kind = 'scheduled'
""")

# Looked at at once, counted and rung for then. `send_at` is not in the past, or a worker would take
# the run without waiting for a scheduler (untaken). Lateness counts from the due time, but of a
# firing that a limit postponed, which has a reason, from its turn.
_CLAIM_OVERDUE = text("""
INSERT INTO inflight
  (id, job_id, account_id, job_version, kind, due_at, missed, final, serial, state, send_at,
   look_at, reason, planned_at, destination)
SELECT :id, job_id, account_id, version, 'scheduled', due.at, :missed, false, serial, 'claimed',
       send.at, send.at, due.reason,
       CASE WHEN due.is_late THEN due.at END, CASE WHEN due.is_late THEN '' END
FROM (SELECT clock_timestamp() AS at) AS now,
     LATERAL (SELECT greatest(CAST(:due_at AS timestamptz), now.at) AS at) AS send,
     LATERAL (SELECT job_id, account_id, version, serial, CAST(:reason AS text) AS reason,
                     CAST(:due_at AS timestamptz) AS at,
                     CAST(:reason AS text) IS NULL AND CAST(:due_at AS timestamptz) < now.at
                       AS is_late
              FROM due WHERE job_id = :job_id) AS due
ON CONFLICT DO NOTHING
""")

_LEFT = text("""
SELECT id FROM inflight
WHERE job_id = :job_id AND account_id = :account_id AND cancelled_at IS NULL AND kind <> 'event'
LIMIT 1
""")

# A firing is settled before it is due where the clock was set back meanwhile.
_KEPT = text("""
SELECT greatest(
  (SELECT max(due_at) FROM inflight
   WHERE job_id = :job_id AND kind = 'scheduled' AND cancelled_at IS NULL),
  (SELECT max(due_at) FROM run
   WHERE job_id = :job_id AND kind = 'scheduled' AND state <> 'cancelled' AND due_at > now()))
""")

# The database's clock is read once, so that the run is sent when it is due.
_FIRE = text("""
INSERT INTO inflight
  (id, job_id, account_id, job_version, kind, due_at, final, serial, started_by, state, send_at,
   look_at, depth)
SELECT :run_id, d.job_id, d.account_id, d.version, 'manual', now.at, NOT d.recurring, d.serial,
       :started_by, 'claimed', now.at, clock_timestamp(), :depth
FROM due d, (SELECT clock_timestamp() + CAST(:ahead AS interval) AS at) AS now
WHERE d.job_id = :job_id
""")

_MADE = text("""
SELECT EXISTS (SELECT FROM run
               WHERE job_id = :job_id AND due_at = :due_at AND kind = 'scheduled'
                 AND state <> 'cancelled')
    OR EXISTS (SELECT FROM inflight
               WHERE job_id = :job_id AND due_at = :due_at AND kind = 'scheduled'
                 AND (cancelled_at IS NULL OR state = 'taken'))
""")

# A run that was withdrawn may be called all the same, if it was taken and as good as due.
_MADE_UP_TO = text("""
SELECT greatest(
  least(j.updated_at, clock_timestamp()),
  (SELECT max(due_at) FROM run r
   WHERE r.job_id = j.id AND r.due_at > j.updated_at AND kind = 'scheduled'
     AND state <> 'cancelled'),
  (SELECT max(due_at) FROM inflight i
   WHERE i.job_id = j.id AND kind = 'scheduled'
     AND (cancelled_at IS NULL
          OR state = 'taken' AND due_at < clock_timestamp() + :cancel_deadline)))
FROM job j WHERE j.id = :job_id
""")


class Overdue(NamedTuple):
    """A firing that is due; `reason` says why it waited, where a limit postponed it."""

    id: UUID
    due_at: datetime
    missed: int
    reason: str | None


def cancel_all(connection: Connection, job_id: UUID, reason: str) -> None:
    """Withdraw every run of the job; one whose call has begun keeps what comes of it."""
    connection.execute(_CANCEL_ALL, {"job_id": job_id, "reason": reason})


def cancel_left(connection: Connection, account_id: int, job_id: UUID, reason: str) -> bool:
    """Withdraw what is still sent again of a job that has ended; False where there is nothing."""
    found = connection.execute(_LEFT, {"account_id": account_id, "job_id": job_id}).first()
    if found is not None:
        cancel_all(connection, job_id, reason)
    return found is not None


def claim_overdue(connection: Connection, job_id: UUID, firings: Iterable[Overdue]) -> None:
    """Make runs of firings that no scheduler has claimed, in a locked job's present version."""
    for each in firings:
        connection.execute(_CLAIM_OVERDUE, {"job_id": job_id, **each._asdict()})


def cancel_replaced(
    connection: Connection, job_id: UUID, reason: str, cancel_deadline: timedelta
) -> datetime | None:
    """Withdraw what a new version replaces; the latest scheduled firing that was kept, or None.

    One that is still to come, and was made already, counts as kept.

    What somebody asked for by hand is never replaced: no firing of the new version stands for it.
    """
    connection.execute(
        _CANCEL_REPLACED, {"job_id": job_id, "reason": reason, "cancel_deadline": cancel_deadline}
    )
    kept: datetime | None = connection.execute(_KEPT, {"job_id": job_id}).scalar_one()
    return kept


def fire(connection: Connection, job_id: UUID, run_id: UUID, *, started_by: str) -> None:
    """A run of a locked job, in its present version, due as good as now; its schedule stays.

    `started_by` says whose key asked for it.

    Where the job is one-time, it may end with this run, though never before its own firing. Where
    its calls must not overlap, none may be under way, and its next firing waits for this one.
    """
    params = {"job_id": job_id, "run_id": run_id, "started_by": started_by, "ahead": MANUAL_DELAY}
    params["depth"] = current_depth()
    connection.execute(_FIRE, params)
    hold(connection, job_id)


def was_made(connection: Connection, job_id: UUID, due_at: datetime) -> bool:
    """Whether the job's firing of that instant was made, or may be under way: not withdrawn."""
    made: bool = connection.execute(_MADE, {"job_id": job_id, "due_at": due_at}).scalar_one()
    return made


def made_up_to(connection: Connection, job_id: UUID, cancel_deadline: timedelta) -> datetime:
    """When a paused job got its version, or the due time of a later firing that was made yet."""
    params = {"job_id": job_id, "cancel_deadline": cancel_deadline}
    instant: datetime = connection.execute(_MADE_UP_TO, params).scalar_one()
    return instant
