"""Attention: what of an account's runs somebody should look at: failing jobs, held destinations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain.run_summary import RunSummary


@dataclass(frozen=True, kw_only=True, slots=True)
class Failing:
    """The failed and dead runs of a job that were due since an instant."""

    count: int
    newest: RunSummary
    """The newest of them; of events, which are counted together, the newest event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failures:
    """Failing jobs, the one with the newest failure first."""

    jobs: tuple[Failing, ...]
    is_complete: bool
    """False if there are more failing jobs, or more runs than were examined."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingDestination:
    """A destination whose calls wait, although they are due."""

    destination: str
    """Scheme, host and port of the URL; or the Dapr app or Fusion runner."""
    waiting: int
    oldest_due_at: datetime
    reason: str | None
    """Why the newest of these calls waits, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingDestinations:
    """Destinations for which calls wait, those with the most calls first."""

    destinations: tuple[WaitingDestination, ...]
    is_complete: bool
    """False if there are more destinations, or more waiting calls than were examined."""
