"""Events: runs that tell of other runs, written together with the settlements they tell of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import psycopg

from app.domain.call_options import DEFAULT_OPTIONS, CallOptions
from app.domain.event import MEDIA_TYPE, Told, body
from app.domain.run import RunState
from app.store import call_options
from app.store.queries import run


class Event(NamedTuple):
    """What is told of a run that was settled under a token, and to which URL; `body` is JSON."""

    run_id: UUID
    token: int
    account_id: int
    url: str
    body: bytes
    depth: int = 0


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
    depth: int


def tell(connection: psycopg.Connection, settled: Sequence[tuple[UUID, UUID, datetime]]) -> int:
    """Make an event of each run (id, job, due time) that has just settled and whose job wants it.

    To be called in the settling transaction, before the job goes; how many were made.
    """
    ids, job_ids, dues = map(list, zip(*settled, strict=True))
    params = {"ids": ids, "job_ids": job_ids, "dues": dues}
    found = run(connection, "tellable", params).fetchall()
    rows = [_Tellable._make(row) for row in found]
    if rows:
        insert(
            connection,
            [
                Event(row.run_id, row.token, row.account_id, row.url, body(_told(row)), row.depth)
                for row in rows
            ],
        )
    return len(rows)


def insert(
    connection: psycopg.Connection,
    events: Sequence[Event],
    *,
    options: CallOptions = DEFAULT_OPTIONS,
) -> None:
    """Make these events, which are called with these `options`."""
    runs, tokens, accounts, urls, bodies, depths = map(list, zip(*events, strict=True))
    document = call_options.to_document(options)
    params: dict[str, Any] = {
        "runs": runs,
        "tokens": tokens,
        "accounts": accounts,
        "urls": urls,
        "bodies": bodies,
        "depths": depths,
        "media_type": MEDIA_TYPE,
        "manner": None if document is None else orjson.dumps(document).decode(),
    }
    run(connection, "insert_events", params)


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
