"""Run summaries: what a list shows of runs beside their rows: lateness, newest attempt and job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from app.domain.retry_policy import DEFAULT, most_attempts
from app.domain.run_summary import Called, LastAttempt, RunSummary
from app.store import call_options
from app.store.history import shared_by_summaries

# The first and the last due time limit the partitions to search. LIMIT 1 makes PostgreSQL look each
# row up by its key, and not read all attempts or jobs.
_BESIDE: Final = text("""
SELECT v.id, f.lateness_ms, l.number, l.started_at, l.status, l.error, l.detail, l.total_ms,
       j.id IS NOT NULL AS job_exists, j.name,
       coalesce(s.url, CASE WHEN j.version = v.version THEN j.url END) AS url,
       coalesce(s.endpoint, j.endpoint) AS endpoint,
       CASE WHEN s.job_id IS NOT NULL THEN s.manner ELSE j.manner END AS manner
FROM unnest(CAST(:ids AS uuid[]), CAST(:dues AS timestamptz[]), CAST(:counts AS int[]),
            CAST(:jobs AS uuid[]), CAST(:versions AS int[]))
  AS v (id, due_at, attempts, job_id, version)
LEFT JOIN LATERAL (
  SELECT lateness_ms FROM attempt
  WHERE run_id = v.id AND due_at = v.due_at AND due_at BETWEEN :first AND :last AND number = 1
  LIMIT 1) f ON true
LEFT JOIN LATERAL (
  SELECT * FROM attempt
  WHERE run_id = v.id AND due_at = v.due_at AND due_at BETWEEN :first AND :last
    AND number = v.attempts
  LIMIT 1) l ON true
LEFT JOIN LATERAL (
  SELECT id, version, name, url, endpoint, manner FROM job
  WHERE id = v.job_id AND account_id = :account_id LIMIT 1) j ON true
LEFT JOIN LATERAL (
  SELECT job_id, url, endpoint, manner FROM superseded
  WHERE job_id = v.job_id AND version = v.version LIMIT 1) s ON true
""")


def summaries_of(
    connection: Connection, account_id: int, found: Sequence[Row[Any]]
) -> tuple[RunSummary, ...]:
    """Convert rows of `run_list.page` to summaries, in their order, by one query."""
    if not found:
        return ()
    dues = [row.due_at for row in found]
    params = {
        "account_id": account_id,
        "ids": [row.id for row in found],
        "dues": dues,
        "counts": [row.attempts for row in found],
        "jobs": [row.job_id for row in found],
        "versions": [row.job_version for row in found],
        "first": min(dues),
        "last": max(dues),
    }
    beside = {row.id: row for row in connection.execute(_BESIDE, params)}
    return tuple(_summary(row, beside[row.id]) for row in found)


def _summary(row: Row[Any], beside: Row[Any]) -> RunSummary:
    return RunSummary(
        **shared_by_summaries(row),
        attempts=row.attempts,
        lateness_ms=beside.lateness_ms,
        last=_last(beside),
        job_name=beside.name,
        job_exists=beside.job_exists,
        called=_called(beside),
    )


def _last(row: Row[Any]) -> LastAttempt | None:
    if row.number is None:
        return None
    return LastAttempt(
        number=row.number,
        started_at=row.started_at,
        status=row.status,
        error=row.error,
        error_detail=row.detail,
        total_ms=row.total_ms,
    )


def _called(row: Row[Any]) -> Called | None:
    if row.url is None:
        return None
    options = call_options.from_document(row.manner)
    return Called(
        method=options.method or "POST",
        url=row.url,
        endpoint=row.endpoint,
        max_attempts=most_attempts(options.retry or DEFAULT),
    )
