"""Job selection: the ids of all jobs that a filter selects, counted and read in batches."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, text

from app.domain.job_filter import JobFilter
from app.store.job_filter import restrict
from app.store.recent_runs import failing_jobs

_COUNT: Final = "SELECT count(*) FROM (SELECT FROM job WHERE {conditions} LIMIT :most) AS counted"

_LAST: Final = text("SELECT id FROM job WHERE account_id = :account_id ORDER BY id DESC LIMIT 1")

# The ids of jobs increase with the time of booking: `until` leaves out what was booked later.
_BATCH: Final = """
SELECT id FROM job WHERE {conditions} AND id > :after AND id <= :until ORDER BY id LIMIT :limit
"""


def last(connection: Connection, account_id: int) -> UUID | None:
    """Return the greatest id of the account's jobs; None without a job."""
    found: UUID | None = connection.execute(_LAST, {"account_id": account_id}).scalar_one_or_none()
    return found


def count(connection: Connection, account_id: int, wanted: JobFilter, *, most: int) -> int:
    """Return how many of the account's jobs the filter selects, counted up to `most`."""
    conditions, params = _selected(connection, account_id, wanted)
    query = text(_COUNT.format(conditions=conditions))
    number: int = connection.execute(query, {**params, "most": most}).scalar_one()
    return number


def batch(
    connection: Connection,
    account_id: int,
    wanted: JobFilter,
    *,
    after: UUID,
    until: UUID,
    limit: int,
) -> list[UUID]:
    """Return up to `limit` ids of jobs that the filter selects, after one id and up to another."""
    conditions, params = _selected(connection, account_id, wanted)
    params |= {"after": after, "until": until, "limit": limit}
    query = text(_BATCH.format(conditions=conditions))
    return list(connection.execute(query, params).scalars())


def _selected(
    connection: Connection, account_id: int, wanted: JobFilter
) -> tuple[str, dict[str, Any]]:
    conditions, params = restrict(wanted)
    params["account_id"] = account_id
    if wanted.failing:
        conditions.append("id = ANY (CAST(:failing AS uuid[]))")
        params["failing"] = failing_jobs(connection, account_id)
    return " AND ".join(["account_id = :account_id", *conditions]), params
