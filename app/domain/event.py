"""Event: what is told of a run that has settled, to the URL that its job names for that."""

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
class Told:
    """A settled run as an event tells of it; `status` is the last answer's, if there was one."""

    run_id: UUID
    job_id: UUID
    name: str | None
    due_at: datetime
    state: RunState
    attempts: int
    status: int | None
    reason: str | None
    settled_at: datetime


def body(told: Told) -> bytes:
    """The event's payload: JSON, with what is not known left out."""
    kind = "succeeded" if told.state is RunState.SUCCEEDED else "failed"
    data = {
        "job": str(told.job_id),
        "run": str(told.run_id),
        "name": told.name,
        "due": format_utc(told.due_at),
        "state": told.state,
        "attempts": told.attempts,
        "status": told.status,
        "reason": told.reason,
    }
    event = {
        "type": f"run.{kind}",
        "timestamp": format_utc(told.settled_at),
        "data": {name: value for name, value in data.items() if value is not None},
    }
    return orjson.dumps(event)
