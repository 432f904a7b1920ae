"""Unsettled: runs that end, or go on waiting, though their worker did not settle them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.run import RunState
from app.store.settling import Settlement


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A locked run under way, with what is needed to end it without its worker."""

    id: UUID
    token: int
    job_id: UUID
    job_version: int
    due_at: datetime
    ends_job: bool
    serial: bool
    state: str


def settlement(run: Unsettled, state: RunState | None, reason: str | None) -> Settlement:
    """The settlement of a run that ends, or goes on waiting, without a call."""
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
        # Whether its job wants an event is not known here: it is read for the few that end here.
        may_notify=state not in {None, RunState.CANCELLED},
        serial=run.serial,
    )
