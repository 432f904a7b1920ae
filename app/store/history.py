"""History: reads runs and their attempts, live ones from `inflight`, settled ones from `run`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, text

from app.domain.run import Attempt, Position, Reply, Run, RunKind, RunState, Timing
from app.store.settling import NOT_KEPT

MAX_ATTEMPTS: Final = 20
"""The most attempts listed with their run: the newest, if it has more."""

# The most attempts read at once. Each has up to 8 KiB of headers and 1 KiB of body.
_BATCH: Final = 256

# The most attempts read at once without what a receiver sent. A page has two of each run.
_BRIEF_BATCH: Final = 2048

LIVE_ROWS: Final = """
SELECT id, job_id, job_version, kind, due_at, missed, state, NULL::timestamptz AS settled_at,
       CASE WHEN state = 'waiting' AND coalesce(destination, '') = '' THEN send_at END
         AS next_attempt_at,
       reason, complete_by, attempts
FROM inflight
"""
SETTLED_ROWS: Final = """
SELECT id, job_id, job_version, kind, due_at, missed, state, settled_at,
       NULL::timestamptz AS next_attempt_at, reason, NULL::timestamptz AS complete_by,
       attempts
FROM run
"""

_ONE = text(f"""
{LIVE_ROWS} WHERE id = :run_id AND account_id = :account_id
UNION ALL
{SETTLED_ROWS} WHERE id = :run_id AND account_id = :account_id
LIMIT 1
""")

# The first and the last due time limit the partitions to search. Attempts are numbered from 1
# without gaps, so the condition on `number` excludes all but the newest, even if the planner does
# not stop at the LIMIT.
_NEWEST_ATTEMPTS: Final = text("""
SELECT a.*
FROM unnest(CAST(:ids AS uuid[]), CAST(:dues AS timestamptz[]), CAST(:counts AS int[]))
  AS r (id, due_at, attempts)
CROSS JOIN LATERAL (
  SELECT * FROM attempt
  WHERE run_id = r.id AND due_at = r.due_at AND due_at BETWEEN :first AND :last
    AND number > r.attempts - :limit
  ORDER BY number DESC LIMIT :limit) AS a
ORDER BY a.run_id, a.number DESC
""")

# Both are looked up by their key, and what a receiver sent, which is nearly all of a row, is not
# read.
_FIRST_AND_NEWEST: Final = text("""
SELECT a.*, NULL::jsonb AS headers, NULL::bytea AS body
FROM unnest(CAST(:ids AS uuid[]), CAST(:dues AS timestamptz[]), CAST(:counts AS int[]))
  AS r (id, due_at, attempts)
CROSS JOIN LATERAL (
  SELECT run_id, number, started_at, lateness_ms, status, error, detail,
         dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms
  FROM attempt
  WHERE run_id = r.id AND due_at = r.due_at AND due_at BETWEEN :first AND :last
    AND number IN (1, r.attempts)
  ORDER BY number DESC LIMIT 2) AS a
ORDER BY a.run_id, a.number DESC
""")

_ATTEMPTS: Final = text("""
SELECT * FROM attempt WHERE run_id = :id AND due_at = :due_at AND number < :before
ORDER BY number DESC LIMIT :limit
""")


def find(
    connection: Connection, account_id: int, run_id: UUID, *, with_attempts: bool = True
) -> Run | None:
    """Return the account's run with that id, live or settled; None if there is none.

    Reading its newest attempts may take ten times as long as the run itself.
    """
    found = connection.execute(_ONE, {"account_id": account_id, "run_id": run_id}).all()
    if not with_attempts:
        return _run(found[0], ()) if found else None
    return next(runs_of(connection, found), None)


def runs_of(
    connection: Connection, found: Sequence[Row[Any]], *, brief: bool = False
) -> Iterator[Run]:
    """Convert rows of LIVE_ROWS or SETTLED_ROWS to runs, each with its newest attempts.

    A `brief` run has its first and its newest attempt only, without headers and body. Attempts are
    read for a few runs at a time, as the caller iterates.
    """
    for rows in _batches(found, brief=brief):
        attempts = _attempts_beside(connection, rows, brief=brief)
        for row in rows:
            yield _run(row, tuple(reversed(attempts.pop(row.id, []))))


def attempts_of(
    connection: Connection, position: Position, *, before: int, limit: int
) -> Iterator[Attempt]:
    """Yield up to `limit` attempts of a run with numbers below `before`, newest first.

    They are read in batches, as the caller iterates.
    """
    while limit > 0:
        batch = min(limit, _BATCH)
        params = {**position._asdict(), "before": before, "limit": batch}
        found = connection.execute(_ATTEMPTS, params).all()
        yield from map(_attempt, found)
        if len(found) < batch:
            return
        limit, before = limit - batch, found[-1].number


def _batches(found: Sequence[Row[Any]], *, brief: bool) -> Iterator[list[Row[Any]]]:
    """Split the rows, in their order, so that few enough attempts are listed with each batch."""
    each, most = (2, _BRIEF_BATCH) if brief else (MAX_ATTEMPTS, _BATCH)
    batch: list[Row[Any]] = []
    attempts = 0
    for row in found:
        count = min(max(row.attempts, 1), each)
        if attempts + count > most:
            yield batch
            batch, attempts = [], 0
        batch.append(row)
        attempts += count
    if batch:
        yield batch


def _attempts_beside(
    connection: Connection, rows: Sequence[Row[Any]], *, brief: bool
) -> dict[UUID, list[Attempt]]:
    attempts: dict[UUID, list[Attempt]] = defaultdict(list)
    dues = [row.due_at for row in rows]
    params = {
        "ids": [row.id for row in rows],
        "dues": dues,
        "counts": [row.attempts for row in rows],
        "first": min(dues),
        "last": max(dues),
    }
    if not brief:
        params["limit"] = MAX_ATTEMPTS
    for row in connection.execute(_FIRST_AND_NEWEST if brief else _NEWEST_ATTEMPTS, params):
        attempts[row.run_id].append(_attempt(row))
    return attempts


def shared_by_summaries(row: Row[Any]) -> dict[str, Any]:
    """Return what a Run and a RunSummary have in common, of a row of LIVE_ROWS or SETTLED_ROWS."""
    return {
        "id": row.id,
        "job_id": row.job_id,
        "kind": RunKind(row.kind),
        "due_at": row.due_at,
        "state": RunState(row.state),
        "missed": row.missed,
        "settled_at": row.settled_at,
        "next_attempt_at": row.next_attempt_at,
        "reason": row.reason,
        "complete_by": row.complete_by,
    }


def _run(row: Row[Any], attempts: tuple[Attempt, ...]) -> Run:
    return Run(**shared_by_summaries(row), job_version=row.job_version, attempts=attempts)


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
            kept=row.headers != NOT_KEPT,
            timing=Timing(
                dns=row.dns_ms,
                connect=row.connect_ms,
                tls=row.tls_ms,
                first_byte=row.first_byte_ms,
                total=row.total_ms,
            ),
        ),
    )
