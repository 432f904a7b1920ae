"""Unsettled: settlements of runs that end, or continue to wait, without their worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.run import RunState
from app.store.settling import Settlement


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A locked run under way, with the columns that its settlement needs."""

    id: UUID
    token: int
    job_id: UUID
    job_version: int
    due_at: datetime
    ends_job: bool
    serial: bool
    state: str


def settlement(run: Unsettled, state: RunState | None, reason: str | None) -> Settlement:
    """Return the settlement of a run that ends, or continues to wait, without a call."""
    return Settlement(
        id=run.id,
        token=run.token,
        job_id=run.job_id,
        job_version=run.job_version,
        due_at=run.due_at,
        state=state,
        retry_at=None,
        reason=reason,
        ends_job=run.ends_job,
        gone=False,
        attempt=None,
        # Only the statement events_wanted reads whether the job wants an event.
        may_notify=state not in {None, RunState.CANCELLED},
        serial=run.serial,
    )
