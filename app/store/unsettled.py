"""Unsettled: runs that end, or wait on, without a call of their worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.run import RunState
from app.store.settling import Settlement


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A run under way, locked, as far as its end by anybody but its worker depends on it."""

    id: UUID
    token: int
    job_id: UUID
    job_version: int
    due_at: datetime
    ends_job: bool
    serial: bool
    state: str


def settlement(run: Unsettled, state: RunState | None, reason: str | None) -> Settlement:
    """What is to be written of a run that ends, or waits on, without a call."""
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
        # What it was taken with is not known here: the few that end here are asked about.
        may_notify=state not in {None, RunState.CANCELLED},
        serial=run.serial,
    )
