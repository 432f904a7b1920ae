"""Runs as they are told: live ones from inflight, settled ones from history, with attempts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, select, text

from app.domain.run import Attempt, Reply, Run, RunKind, RunState, Timing
from app.store.tables import attempt

LIVE_ROWS: Final = """
SELECT id, job_id, job_version, kind, due_at, missed, state, NULL::timestamptz AS settled_at,
       CASE WHEN state = 'waiting' AND destination IS NULL THEN send_at END AS next_attempt_at,
       reason, complete_by
FROM inflight
"""
SETTLED_ROWS: Final = """
SELECT id, job_id, job_version, kind, due_at, missed, state, settled_at,
       NULL::timestamptz AS next_attempt_at, reason, NULL::timestamptz AS complete_by
FROM run
"""

_OF_JOB = text(f"""
SELECT * FROM (
  ({LIVE_ROWS} WHERE job_id = :job_id AND account_id = :account_id
   ORDER BY due_at DESC LIMIT :limit)
  UNION ALL
  ({SETTLED_ROWS} WHERE job_id = :job_id AND account_id = :account_id
   ORDER BY due_at DESC LIMIT :limit)
) AS runs ORDER BY due_at DESC, id DESC LIMIT :limit
""")  # noqa: S608 - joined from constants of this module

_ONE = text(f"""
{LIVE_ROWS} WHERE id = :run_id AND account_id = :account_id
UNION ALL
{SETTLED_ROWS} WHERE id = :run_id AND account_id = :account_id
LIMIT 1
""")


def of_job(connection: Connection, account_id: int, job_id: UUID, limit: int) -> tuple[Run, ...]:
    """The newest runs of a job, live or settled, of a job that may be gone by now."""
    found = connection.execute(
        _OF_JOB, {"account_id": account_id, "job_id": job_id, "limit": limit}
    ).all()
    return told(connection, found)


def find(connection: Connection, account_id: int, run_id: UUID) -> Run | None:
    """The account's run of that id, live or settled."""
    found = connection.execute(_ONE, {"account_id": account_id, "run_id": run_id}).all()
    runs = told(connection, found)
    return runs[0] if runs else None


def told(connection: Connection, found: Sequence[Row[Any]]) -> tuple[Run, ...]:
    """The runs of rows of LIVE_ROWS or SETTLED_ROWS, with their attempts."""
    attempts: dict[UUID, list[Attempt]] = defaultdict(list)
    rows = connection.execute(
        select(attempt)
        .where(
            attempt.c.run_id.in_([row.id for row in found]),
            # The due times name the partitions to look into.
            attempt.c.due_at.in_([row.due_at for row in found]),
        )
        .order_by(attempt.c.run_id, attempt.c.number)
    )
    for row in rows:
        attempts[row.run_id].append(_attempt(row))
    return tuple(_run(row, tuple(attempts[row.id])) for row in found)


def _run(row: Row[Any], attempts: tuple[Attempt, ...]) -> Run:
    return Run(
        id=row.id,
        job_id=row.job_id,
        job_version=row.job_version,
        kind=RunKind(row.kind),
        due_at=row.due_at,
        state=RunState(row.state),
        missed=row.missed,
        settled_at=row.settled_at,
        next_attempt_at=row.next_attempt_at,
        reason=row.reason,
        attempts=attempts,
        complete_by=row.complete_by,
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        number=row.number,
        started_at=row.started_at,
        lateness_ms=row.lateness_ms,
        reply=Reply(
            status=row.status,
            error=row.error,
            error_detail=row.detail,
            headers=tuple((name, value) for name, value in row.headers or ()),
            body=bytes(row.body or b""),
            timing=Timing(
                dns=row.dns_ms,
                connect=row.connect_ms,
                tls=row.tls_ms,
                first_byte=row.first_byte_ms,
                total=row.total_ms,
            ),
        ),
    )
