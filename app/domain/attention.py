"""Attention: failing jobs of an account, and destinations for which calls are held back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.run_summary import RunSummary
from app.domain.waiting_report import WaitingReport


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
    oldest_due_at: datetime | None
    """None if no call waits in the database."""
    reason: str | None
    """Why the newest of these calls waits, in words."""
    state: str | None = None
    """What workers report (app/domain/waiting_report.py, STATES); None if none reports it."""
    under_way: int | None = None
    """Calls that have begun and not ended."""
    next_call_at: datetime | None = None
    """When the next call may begin, if calls are stopped altogether."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingDestinations:
    """Destinations for which calls wait, those with the most calls first."""

    destinations: tuple[WaitingDestination, ...]
    is_complete: bool
    """False if there are more destinations, or more waiting calls than were examined."""


def with_reports(
    found: WaitingDestinations, reports: Sequence[WaitingReport], *, limit: int
) -> WaitingDestinations:
    """Add what workers report to what is stored, of up to `limit` destinations.

    What waits in the memory of workers only is counted by these; what is parked, in the database.
    """
    reported = {each.destination: each for each in reports}
    stored = {each.destination for each in found.destinations}
    rows = [_with_report(each, reported.get(each.destination)) for each in found.destinations]
    rows += [
        WaitingDestination(
            destination=each.destination,
            waiting=each.waiting,
            oldest_due_at=None,
            reason=None,
            state=each.state,
            under_way=each.under_way,
            next_call_at=each.next_call_at,
        )
        for each in reports
        if each.destination not in stored
    ]
    is_complete = found.is_complete and len(rows) <= limit
    return WaitingDestinations(destinations=tuple(rows[:limit]), is_complete=is_complete)


def _with_report(held: WaitingDestination, report: WaitingReport | None) -> WaitingDestination:
    if report is None:
        return held
    return replace(
        held, state=report.state, under_way=report.under_way, next_call_at=report.next_call_at
    )
