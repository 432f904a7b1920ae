"""Overdue: a worker that claims and takes in one what schedulers leave to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from app.domain.firing_rate import UNLIMITED, Allowed, FiringLimits
from app.store import overdue
from app.store.takes import Taken
from tests.interleavings.case import Case
from tests.interleavings.operations import Do, Operation, call_and_settle

_BELIEVED_FOR: Final = timedelta(minutes=5)
_MOST: Final = 100


def _begins(limits: FiringLimits = UNLIMITED, *, budget: int = _MOST) -> Do:
    """Begin what is overdue, call what is not cancelled, and settle it."""

    def begin(case: Case, connection: psycopg.Connection) -> None:
        until = datetime.now(UTC) + _BELIEVED_FOR
        found = overdue.find(connection, lookback=60.0, until=until, most=_MOST, counted=limits.of)
        try:
            taken = overdue.begin(
                connection, found.slots, budget=budget, limits=limits, unreadable=_raise_for
            )
        except psycopg.errors.UniqueViolation:
            return  # as of a worker: a scheduler's claim moves such a job on
        call_and_settle(case, connection, taken)

    return begin


def _begin_limited(case: Case, connection: psycopg.Connection) -> None:
    """As a worker that knows that the account may have one run under way."""
    _begins(FiringLimits(of={case.limited.account.id: Allowed(runs=1)}))(case, connection)


def _raise_for(run: Taken, error: Exception) -> None:
    raise AssertionError(f"{run.job_id}: {error}")


BEGIN_OVERDUE: Final = Operation("begin overdue", _begins(), skips=True)
BEGIN_ONE_OVERDUE: Final = Operation("begin one overdue", _begins(budget=1), skips=True)
BEGIN_OVERDUE_LIMITED: Final = Operation("begin overdue within limits", _begin_limited, skips=True)
