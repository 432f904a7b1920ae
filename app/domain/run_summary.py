"""Run summary: a run as a list shows it, with its lateness and what its newest attempt got."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.run import LIVE, Position, RunKind, RunState


@dataclass(frozen=True, kw_only=True, slots=True)
class LastAttempt:
    """The newest attempt of a run: either `status` or `error` is set."""

    number: int
    started_at: datetime
    status: int | None
    error: str | None
    error_detail: str | None
    total_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """What a run calls, which is known while its content is kept."""

    method: str
    url: str
    endpoint: str
    """The Dapr app or Fusion runner whose path is in `url`; empty if `url` is whole."""
    max_attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """A run without the headers and bodies of its attempts."""

    id: UUID
    job_id: UUID
    """Of an event, the id of the run that it reports."""
    kind: RunKind
    due_at: datetime
    state: RunState
    missed: int
    settled_at: datetime | None
    next_attempt_at: datetime | None
    reason: str | None
    complete_by: datetime | None
    attempts: int
    lateness_ms: float | None
    """Of the first attempt; None if there was none yet."""
    last: LastAttempt | None
    job_name: str | None
    job_exists: bool
    called: Called | None

    @property
    def position(self) -> Position:
        """The position of the run in a list."""
        return Position(due_at=self.due_at, id=self.id)

    @property
    def is_live(self) -> bool:
        """Whether the run is under way."""
        return self.state in LIVE


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPage:
    """A page of a list of runs, newest first, and where the pages beside it begin."""

    runs: tuple[RunSummary, ...]
    newer: Position | None
    """None on the first page."""
    older: Position | None
    """None on the last page."""
    searched_to: datetime | None
    """Until which due time runs were examined, if the page is not full for that reason."""
