"""Waiting report: for which destinations calls wait in a worker, as it writes that for others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from app.domain.circuit_breaker import BlockReason

MAX_REPORTED: Final = 50
"""Destinations that one worker reports, those with the most calls."""

HALF_OPEN: Final = "recovering"
"""The state of a destination that answers again, and gets more calls step by step."""

STATES: Final = (*(str(each) for each in BlockReason), HALF_OPEN)


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingReport:
    """What workers report of a destination of an account."""

    account_id: int
    destination: str
    state: str
    """One of STATES: why calls wait."""
    under_way: int
    """Calls that have begun and not ended."""
    waiting: int
    """Calls that wait in the memory of workers, or are parked as far as these know."""
    next_call_at: datetime | None
    """When the next probe may begin; None if calls are not stopped altogether."""
    account: str = ""
    """The account's name, where it is known."""


def united(reports: Iterable[WaitingReport]) -> list[WaitingReport]:
    """Return one report of each destination, from those of all workers, the most calls first."""
    found: dict[tuple[int, str], WaitingReport] = {}
    for each in reports:
        key = each.account_id, each.destination
        known = found.get(key)
        found[key] = each if known is None else _sum(known, each)
    return sorted(found.values(), key=lambda each: (-each.waiting, each.destination))


def _sum(one: WaitingReport, other: WaitingReport) -> WaitingReport:
    """Add up two workers' reports; the state is that of the one that calls again later."""
    times = [at for at in (one.next_call_at, other.next_call_at) if at is not None]
    strict = max(one, other, key=lambda each: (each.next_call_at is not None, each.waiting))
    return replace(
        strict,
        under_way=one.under_way + other.under_way,
        waiting=one.waiting + other.waiting,
        next_call_at=max(times, default=None),
    )
