"""Fusion jobs: the queries of the Fusion API for jobs, their newest runs, and tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, CursorResult, Row, text

from app.domain.run import RunKind, RunState
from app.store import follows

# A scheduled firing that was cancelled before it was due, as its schedule changed or ended, is
# not a run to clients, so it is not shown. A run that a client started and aborted is shown.
_SETTLED_SHOWN: Final = """
NOT (kind = 'scheduled' AND attempts = 0 AND state = 'cancelled'
     AND settled_at < due_at)
"""
_LIVE_SHOWN: Final = """
NOT (kind = 'scheduled' AND attempts = 0 AND cancelled_at IS NOT NULL AND cancelled_at < due_at)
"""

# Runs of a job do not overlap, but their order is not that of their due times: a firing that waits
# for a run is overtaken by runs that a client or a job before it starts. The index orders runs by
# due time; this many more than requested are read, and sorted by their end.
_OVERTAKEN: Final = 20
_NEWEST: Final = "settled_at DESC NULLS FIRST, due_at DESC"


def _newest(job_id: str, limit: str) -> str:
    """Return SQL for the newest runs of a job, live or settled, with their first call's time."""
    return f"""
SELECT r.*, (SELECT a.started_at FROM attempt a WHERE a.run_id = r.run_id AND a.due_at = r.due_at
             ORDER BY a.number LIMIT 1) AS started_at
FROM (
  (SELECT id AS run_id, kind, due_at, state, NULL::timestamptz AS settled_at, reason, started_by
   FROM inflight WHERE job_id = {job_id} AND {_LIVE_SHOWN} ORDER BY due_at DESC LIMIT {limit})
  UNION ALL
  (SELECT id, kind, due_at, state, settled_at, reason, started_by
   FROM run WHERE job_id = {job_id} AND {_SETTLED_SHOWN}
   ORDER BY due_at DESC LIMIT {limit} + {_OVERTAKEN})
  ORDER BY {_NEWEST}, run_id DESC LIMIT {limit}
) AS r
"""  # noqa: S608 - joined from constants of this module


_RUNS: Final = text(f"{_newest(':job_id', ':limit')} ORDER BY {_NEWEST}, run_id DESC")

# The names of an account's jobs of one type are one range of the index job_name. They begin with
# the type, which is also their endpoint, except for tasks.
_NAMED: Final = """
SELECT named.* FROM unnest(CAST(:endpoints AS text[])) AS each (endpoint)
CROSS JOIN LATERAL (
  SELECT id, account_id, name, enabled, written FROM job
  WHERE account_id = :account_id AND dialect = 'fusion' AND job.endpoint = each.endpoint
    AND name IS NOT NULL AND {condition}
  ORDER BY name LIMIT :limit) AS named
ORDER BY named.name LIMIT :limit
"""
_AFTER: Final = "name > :after"
# The second condition is for the index job_tags, whose entries may match more than the first.
_TAGGED: Final = f"""{_AFTER} AND tags @> ARRAY[CAST(:tag AS text)]
    AND tag_keys(account_id, tags) @> tag_keys(:account_id, ARRAY[CAST(:tag AS text)])"""
_BY_NAME: Final = "name = :name"

_JOBS: Final = f"""
SELECT j.name, j.enabled, coalesce(d.next_at, d.held_at) AS next_at, l.*,
       ARRAY(SELECT f.upstream FROM follow f
             WHERE f.job_id = j.id
               AND NOT EXISTS (SELECT FROM job u
                               WHERE u.account_id = f.account_id AND u.dialect = 'fusion'
                                 AND u.endpoint = {follows.endpoint_of("f.upstream")}
                                 AND u.name = f.upstream)
             ORDER BY f.upstream) AS missing
FROM ({{jobs}}) AS j
JOIN due d ON d.job_id = j.id
LEFT JOIN LATERAL ({_newest("j.id", "1")}) l ON true
ORDER BY j.name
"""  # noqa: S608 - joined from constants

_WRITTEN: Final = "SELECT written ->> 'task' AS task FROM ({jobs}) AS j ORDER BY name"

_TASKS: Final = text("""
SELECT count(*) FROM job
WHERE account_id = :account_id AND dialect = 'fusion' AND endpoint = :endpoint AND name IS NOT NULL
""")
_ROWS: Final = 64
"""Rows fetched at once: a row may have 64 KiB, but most have 500 bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRun:
    """A run of a job, under way or settled."""

    id: UUID
    kind: RunKind
    due_at: datetime
    state: RunState
    started_at: datetime | None
    """When its first call began; None before that."""
    settled_at: datetime | None
    reason: str | None
    started_by: str | None
    """The label of the key, or the name of the job, that started it; None for the schedule."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobWithLastRun:
    """A Fusion job with its newest run."""

    name: str
    enabled: bool
    next_at: datetime | None
    last: JobRun | None
    missing: tuple[str, ...]
    """The names of jobs that it follows but that the account does not have."""


@contextmanager
def stream_jobs(
    connection: Connection,
    account_id: int,
    *,
    endpoints: Sequence[str],
    tag: str | None,
    after: str,
    limit: int,
) -> Iterator[Iterator[JobWithLastRun]]:
    """Yield the first `limit` of the account's Fusion jobs after the name `after`, by name.

    Only jobs with these endpoints, and with the tag if one is given. Rows are read as the caller
    consumes them.
    """
    params = {"endpoints": list(endpoints), "tag": tag, "after": after, "limit": limit}
    with _read(connection, _JOBS, account_id, params) as rows:
        yield map(_job, rows)


def find_job(
    connection: Connection, account_id: int, name: str, *, endpoint: str
) -> JobWithLastRun | None:
    """Return the job of that name; None if there is none."""
    query = text(_JOBS.format(jobs=_NAMED.format(condition=_BY_NAME)))
    params = {"account_id": account_id, "endpoints": [endpoint], "name": name, "limit": 1}
    row = connection.execute(query, params).one_or_none()
    return None if row is None else _job(row)


def list_runs(connection: Connection, job_id: UUID, limit: int) -> list[JobRun]:
    """Return the newest runs of a job, newest first."""
    rows = connection.execute(_RUNS, {"job_id": job_id, "limit": limit})
    return [_run(row) for row in rows]


@contextmanager
def stream_tasks(
    connection: Connection,
    account_id: int,
    *,
    endpoint: str,
    tag: str | None,
    after: str,
    limit: int,
) -> Iterator[Iterator[str]]:
    """Yield the documents of the account's tasks as JSON text, by name, as `stream_jobs` does."""
    params = {"endpoints": [endpoint], "tag": tag, "after": after, "limit": limit}
    with _read(connection, _WRITTEN, account_id, params) as rows:
        yield (row.task for row in rows)


def count_tasks(connection: Connection, account_id: int, *, endpoint: str) -> int:
    """Return how many tasks the account has; `endpoint` is that of tasks."""
    params = {"account_id": account_id, "endpoint": endpoint}
    return int(connection.execute(_TASKS, params).scalar_one())


def _read(
    connection: Connection, query: str, account_id: int, params: dict[str, Any]
) -> CursorResult[Any]:
    """Execute a query of jobs, or of those with a tag if one is given; fetch few rows at once."""
    jobs = _NAMED.format(condition=_AFTER if params["tag"] is None else _TAGGED)
    return connection.execute(
        text(query.format(jobs=jobs)),
        {"account_id": account_id, **params},
        execution_options={"yield_per": _ROWS},
    )


def _job(row: Row[Any]) -> JobWithLastRun:
    return JobWithLastRun(
        name=row.name,
        enabled=row.enabled,
        next_at=row.next_at,
        last=None if row.run_id is None else _run(row),
        missing=tuple(row.missing),
    )


def _run(row: Row[Any]) -> JobRun:
    return JobRun(
        id=row.run_id,
        kind=RunKind(row.kind),
        due_at=row.due_at,
        state=RunState(row.state),
        started_at=row.started_at,
        settled_at=row.settled_at,
        reason=row.reason,
        started_by=row.started_by,
    )
