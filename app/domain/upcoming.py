"""Upcoming: the next firing of each job of an account, in the order in which they are expected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.domain.firing_rate import Bound
from app.domain.job import Dialect
from app.domain.trigger import Trigger


class Expected(NamedTuple):
    """The position of a firing in a list that is ordered by expected time, then job."""

    at: datetime
    job_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Upcoming:
    """The next firing of a job."""

    expected: Expected
    """The job, and when the firing is expected; later than `due_at` if it was postponed."""
    due_at: datetime
    name: str | None
    tags: tuple[str, ...]
    dialect: Dialect
    url: str
    endpoint: str
    trigger: Trigger | None
    """None for a Fusion job, which may have a hundred triggers."""
    is_recurring: bool
    """Whether the job may fire again after this firing."""
    remaining: int | None
    """How many firings are left, this one included; None for no limit."""
    is_blocked: bool
    """Whether the firing waits for the end of a run of its job, or of a suspension."""
    postponed_for: Bound | None
    """The limit of the account because of which the firing was postponed."""
