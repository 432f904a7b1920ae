"""Breakages: faults that show only where two operations meet, each of which must be found."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from unittest.mock import patch
from uuid import UUID

from app.domain.account import Caller
from app.domain.job import Job, ReadOnlyMembers
from app.service import jobs
from app.service.context import Context
from tests.simulation.breakage import Breakage


def _change_tags_unlocked(
    context: Context, caller: Caller, job_id: UUID, *, add: bool, tag: str
) -> Job:
    booking = jobs.get(context, caller, job_id).booking
    changed = replace(booking, tags=(*booking.tags, tag) if add else ())
    return jobs.update(context, caller, job_id, changed, ReadOnlyMembers())


BREAKAGES: Final = (
    Breakage("changes of a job do not lock it", "lock_job", " FOR UPDATE", ""),
    Breakage(
        "a worker does not lock what it begins", "begin_overdue", "FOR UPDATE SKIP LOCKED", ""
    ),
    Breakage("a claim does not lock what it claims", "claim_due", "FOR UPDATE SKIP LOCKED", ""),
    Breakage(
        "a tag is added to what was read before the lock",
        patch=lambda: patch("app.service.job_selection._change_tags", _change_tags_unlocked),
    ),
)
"""Each is a lock, or a check under it, that is left out in one place."""
