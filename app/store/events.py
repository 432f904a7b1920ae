"""Events: runs that tell of other runs, written together with the settlements they tell of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from app.domain.event import MEDIA_TYPE, Told, body
from app.domain.run import RunState
from app.store.queries import run


class _Tellable(NamedTuple):
    run_id: UUID
    token: int
    account_id: int
    job_id: UUID
    name: str | None
    due_at: datetime
    state: str
    attempts: int
    status: int | None
    reason: str | None
    settled_at: datetime
    url: str


def tell(connection: psycopg.Connection, settled: Sequence[tuple[UUID, UUID, datetime]]) -> int:
    """Make an event of each run (id, job, due time) that has just settled and whose job wants it.

    To be called in the settling transaction, before the job goes; how many were made.
    """
    ids, job_ids, dues = map(list, zip(*settled, strict=True))
    params = {"ids": ids, "job_ids": job_ids, "dues": dues}
    found = run(connection, "tellable", params).fetchall()
    rows = [_Tellable._make(row) for row in found]
    if rows:
        columns: dict[str, list[Any]] = {
            "runs": [row.run_id for row in rows],
            "tokens": [row.token for row in rows],
            "accounts": [row.account_id for row in rows],
            "urls": [row.url for row in rows],
            "bodies": [body(_told(row)) for row in rows],
        }
        run(connection, "insert_events", {**columns, "media_type": MEDIA_TYPE})
    return len(rows)


def _told(row: _Tellable) -> Told:
    return Told(
        run_id=row.run_id,
        job_id=row.job_id,
        name=row.name,
        due_at=row.due_at,
        state=RunState(row.state),
        attempts=row.attempts,
        status=row.status,
        reason=row.reason,
        settled_at=row.settled_at,
    )
