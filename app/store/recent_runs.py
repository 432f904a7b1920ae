"""Recent runs: the newest runs of the jobs of a page, and which jobs fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

from app.domain.recent_run import RecentRun
from app.domain.run import RunKind, RunState

MAX_FAILURES: Final = 1_000
"""The newest failed runs of an account, and the newest dead ones, that are searched for jobs."""

FAILING_DAYS: Final = 7
"""Earlier failures are not searched: each day is a partition, which costs each job a look-up."""

# For each job one look-up in each partition of the index `run_once`, which is in this order.
_NEWEST: Final = text("""
SELECT wanted.job_id, found.*
FROM unnest(CAST(:job_ids AS uuid[])) AS wanted (job_id)
CROSS JOIN LATERAL (
  SELECT * FROM (
    (SELECT id, due_at, state, kind, NULL::timestamptz AS settled_at FROM inflight
     WHERE job_id = wanted.job_id AND account_id = :account_id ORDER BY due_at DESC LIMIT :limit)
    UNION ALL
    (SELECT id, due_at, state, kind, settled_at FROM run
     WHERE job_id = wanted.job_id AND account_id = :account_id ORDER BY due_at DESC LIMIT :limit)
  ) AS runs ORDER BY due_at DESC, id DESC LIMIT :limit) AS found
ORDER BY wanted.job_id, found.due_at DESC, found.id DESC
""")

_FAILURES: Final = f"""
SELECT job_id, due_at FROM run
WHERE account_id = :account_id AND state = '{{state}}' AND kind <> 'event'
  AND due_at > now() - interval '{FAILING_DAYS} days'
ORDER BY due_at DESC, id DESC LIMIT :most
"""  # noqa: S608 - joined from constants of this module

# The state is a literal, so that the partial index `run_unsuccessful` applies. A job that has
# succeeded since is found at its first success after the failure.
_FAILING: Final = text(f"""
SELECT failed.job_id FROM (
  SELECT job_id, max(due_at) AS due_at FROM (
    ({_FAILURES.format(state="failed")}) UNION ALL ({_FAILURES.format(state="dead")})) AS newest
  GROUP BY job_id) AS failed
LEFT JOIN LATERAL (
  SELECT true AS found FROM run
  WHERE job_id = failed.job_id AND due_at > failed.due_at AND state = 'succeeded'
    AND due_at > now() - interval '{FAILING_DAYS} days'
  ORDER BY due_at LIMIT 1) AS success ON true
WHERE success.found IS NULL
""")  # noqa: S608 - joined from constants of this module


def newest(
    connection: Connection, account_id: int, job_ids: Sequence[UUID], *, limit: int
) -> dict[UUID, tuple[RecentRun, ...]]:
    """Return the newest `limit` runs of each of these jobs, newest first; none of one without."""
    found: dict[UUID, list[RecentRun]] = defaultdict(list)
    if job_ids:
        params = {"job_ids": list(job_ids), "account_id": account_id, "limit": limit}
        for row in connection.execute(_NEWEST, params):
            found[row.job_id].append(
                RecentRun(
                    id=row.id,
                    due_at=row.due_at,
                    state=RunState(row.state),
                    kind=RunKind(row.kind),
                    settled_at=row.settled_at,
                )
            )
    return {job_id: tuple(runs) for job_id, runs in found.items()}


def failing_jobs(connection: Connection, account_id: int) -> list[UUID]:
    """Return the jobs that had no success since a run of theirs failed or died.

    They are found among MAX_FAILURES runs of each state, of the last FAILING_DAYS days. Some may
    have ended.
    """
    params = {"account_id": account_id, "most": MAX_FAILURES}
    return list(connection.execute(_FAILING, params).scalars())
