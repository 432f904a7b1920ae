"""Event: the report of a settled run, sent to the URL that its job gives for that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson

from app.domain.instants import format_utc
from app.domain.run import RunState

MEDIA_TYPE: Final = "application/json"


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPayload:
    """What an event reports of a settled run; `status` is that of the last response, if any."""

    run_id: UUID
    job_id: UUID
    name: str | None
    due_at: datetime
    state: RunState
    attempts: int
    status: int | None
    reason: str | None
    settled_at: datetime


def body(payload: EventPayload) -> bytes:
    """Return the body of the event: JSON, without the members that are not known."""
    kind = "succeeded" if payload.state is RunState.SUCCEEDED else "failed"
    data = {
        "job": str(payload.job_id),
        "run": str(payload.run_id),
        "name": payload.name,
        "due": format_utc(payload.due_at),
        "state": payload.state,
        "attempts": payload.attempts,
        "status": payload.status,
        "reason": payload.reason,
    }
    event = {
        "type": f"run.{kind}",
        "timestamp": format_utc(payload.settled_at),
        "data": {name: value for name, value in data.items() if value is not None},
    }
    return orjson.dumps(event)
