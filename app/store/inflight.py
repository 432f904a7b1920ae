"""What an update or delete does to the runs of a job that are under way; under the job's lock."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

# Rows are locked in the order of their ids, so that whoever else locks several of them waits in
# a line and not in a circle.
_CANCEL_ALL = text("""
UPDATE inflight
SET cancelled_at = clock_timestamp(), reason = :reason,
    look_at = CASE WHEN state = 'taken' THEN look_at ELSE clock_timestamp() END
WHERE id = ANY (ARRAY(SELECT id FROM inflight WHERE job_id = :job_id AND cancelled_at IS NULL
                      ORDER BY id FOR UPDATE))
""")

# A firing that was due when the update came, or will be within the last word's 100 ms, runs its
# course, retries included; every firing still further ahead is replaced.
_CANCEL_REPLACED = text("""
UPDATE inflight
SET cancelled_at = clock_timestamp(), reason = :reason,
    look_at = CASE WHEN state = 'taken' THEN look_at ELSE clock_timestamp() END
WHERE id = ANY (ARRAY(SELECT id FROM inflight WHERE job_id = :job_id AND cancelled_at IS NULL
                      ORDER BY id FOR UPDATE))
  AND due_at >= clock_timestamp() + :last_word
""")

# As the claim would have done; looked at at once, and rung for then.
_CLAIM_OVERDUE = text("""
INSERT INTO inflight
  (id, job_id, account_id, job_version, kind, due_at, missed, final, state, send_at, look_at)
SELECT :id, job_id, account_id, version, 'scheduled', :due_at, :missed, false, 'claimed', :due_at,
       clock_timestamp()
FROM due WHERE job_id = :job_id
ON CONFLICT ON CONSTRAINT inflight_once DO NOTHING
""")

_KEPT = text("SELECT max(due_at) FROM inflight WHERE job_id = :job_id AND cancelled_at IS NULL")

_KEEP_CONTENT = text("""
INSERT INTO superseded
  (job_id, version, url, signature, content_type, data, manner, on_success, on_failure)
SELECT id, version, url, signature, content_type, data, manner, on_success, on_failure FROM job
WHERE id = :job_id
ON CONFLICT DO NOTHING
""")


def cancel_all(connection: Connection, job_id: UUID, reason: str) -> None:
    """Withdraw every run of the job; one whose call has begun keeps what comes of it."""
    connection.execute(_CANCEL_ALL, {"job_id": job_id, "reason": reason})


def claim_overdue(
    connection: Connection, job_id: UUID, firings: Iterable[tuple[UUID, datetime, int]]
) -> None:
    """Make runs of firings that no scheduler has come to yet: (id, due time, missed) of each."""
    for run_id, due_at, missed in firings:
        connection.execute(
            _CLAIM_OVERDUE, {"id": run_id, "job_id": job_id, "due_at": due_at, "missed": missed}
        )


def cancel_replaced(
    connection: Connection, job_id: UUID, reason: str, last_word: timedelta
) -> datetime | None:
    """Withdraw what a new version replaces; the latest due time of what was kept, or None.

    Where something was kept, the content of the version it belongs to is kept with it.
    """
    connection.execute(
        _CANCEL_REPLACED, {"job_id": job_id, "reason": reason, "last_word": last_word}
    )
    kept: datetime | None = connection.execute(_KEPT, {"job_id": job_id}).scalar_one()
    if kept is not None:
        connection.execute(_KEEP_CONTENT, {"job_id": job_id})
    return kept
