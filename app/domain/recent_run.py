"""Recent run: one of a job's newest runs, as a list of jobs shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from app.domain.run import RunKind, RunState

MAX_RECENT: Final = 30
"""The most runs of a job that a list shows."""


class RecentRun(NamedTuple):
    """A run without its attempts."""

    id: UUID
    due_at: datetime
    state: RunState
    kind: RunKind
    settled_at: datetime | None
    """None while the run is under way."""
