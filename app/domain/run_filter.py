"""Run filter: which runs of an account a list shows, or a redelivery sends again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.domain.run import RunKind, RunState

MAX_LATENESS_MS: Final = 604_800_000
"""A week, after which a run ends whatever its policy."""


class StatusClass(StrEnum):
    """What the last attempt of a run got: a class of HTTP statuses, or an error."""

    SUCCESS = "2xx"
    REDIRECTION = "3xx"
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"
    ERROR = "error"
    """There was no response, or none that could be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFilter:
    """Which runs of an account are selected: those that meet all conditions that are given."""

    states: frozenset[RunState]
    job_id: UUID | None = None
    after: datetime | None = None
    """Runs due at this instant or later."""
    before: datetime | None = None
    """Runs due before this instant."""
    ids: frozenset[UUID] | None = None
    kinds: frozenset[RunKind] | None = None
    min_lateness_ms: float | None = None
    """Runs whose first attempt began at least this late."""
    last_status: frozenset[StatusClass] | None = None
    """Runs whose newest attempt got one of these."""
    host: str | None = None
    """Runs that call this host, in lower case. It is known while the content of the run is kept."""

    @property
    def is_searched(self) -> bool:
        """Whether runs have to be read one by one, since no index serves a condition."""
        searched = (self.kinds, self.min_lateness_ms, self.last_status, self.host)
        return any(each is not None for each in searched)
