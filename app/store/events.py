"""Events: runs whose call reports how another run ended, made in the transaction that settles it.

An event is stored like any other run, with keys of the run that it reports: `inflight.job_id` is
that run's id, and `inflight.job_version` is the token under which it was settled. The body of the
event is in `superseded` under the same two keys. So changes of the job do not affect an event, the
take finds its body as it finds the content of a superseded version, and one settlement makes one
event. `Event` writes these keys, and `Run.reported_run` reads them; the run's kind is `event`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import psycopg

from app.domain.call_options import DEFAULT_OPTIONS, CallOptions
from app.domain.event import MEDIA_TYPE, EventPayload, body
from app.domain.run import RunState
from app.store import call_options
from app.store.queries import run


class Event(NamedTuple):
    """An event to be made."""

    run_id: UUID
    """The run that it reports."""
    token: int
    """The token under which that run was settled."""
    account_id: int
    url: str
    """Where the event is sent."""
    body: bytes
    """JSON."""
    depth: int = 0
    """The callback depth of the reported run."""


class _Wanted(NamedTuple):
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


def insert_wanted(
    connection: psycopg.Connection, settled: Sequence[tuple[UUID, UUID, datetime]]
) -> int:
    """Make an event for each run (id, job, due time) that has just settled and whose job wants one.

    Call it in the settling transaction, before the job is deleted. Returns how many were made.
    """
    ids, job_ids, dues = map(list, zip(*settled, strict=True))
    params = {"ids": ids, "job_ids": job_ids, "dues": dues}
    found = run(connection, "events_wanted", params).fetchall()
    rows = [_Wanted._make(row) for row in found]
    if rows:
        insert_events(
            connection,
            [
                Event(
                    row.run_id, row.token, row.account_id, row.url, body(_payload(row)), row.depth
                )
                for row in rows
            ],
        )
    return len(rows)


def insert_events(
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


def _payload(row: _Wanted) -> EventPayload:
    return EventPayload(
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
