"""Attention: finds failing jobs, and destinations for which calls are held back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from app.domain.account import Caller
from app.domain.attention import Failures, WaitingDestinations, with_reports
from app.domain.waiting_report import united
from app.service.context import Context
from app.store import attention, heartbeats, recent_failures

FAILURES_OF: Final = timedelta(days=1)
"""How far back failures are shown if nothing else is asked for."""

MAX_SHOWN: Final = 100
MAX_COUNTED: Final = recent_failures.MAX_READ
"""The most failures since an instant that are counted."""


def list_failures(
    context: Context, caller: Caller, *, since: datetime | None = None, limit: int = MAX_SHOWN
) -> Failures:
    """Return the caller's jobs with failed or dead runs since an instant, by default in a day."""
    with context.database.transaction() as connection:
        return attention.failures(
            connection, caller.account.id, since or caller.now - FAILURES_OF, limit=limit
        )


def count_failures(context: Context, caller: Caller, since: datetime) -> int:
    """Return how many of the caller's runs failed or died since an instant; MAX_COUNTED at most.

    The number is up to 20 s old: all tabs of an account share it, however often each asks. Only
    runs that were due within the last two days are counted.
    """
    ended = context.recent_failures.get(caller.account.id, caller.now)
    if ended is None:
        with context.database.statement() as connection:
            ended = recent_failures.ended(connection, caller.account.id)
        context.recent_failures.keep(caller.account.id, caller.now, ended)
    return sum(each > since for each in ended)


def list_held_destinations(
    context: Context, caller: Caller, *, limit: int = MAX_SHOWN
) -> WaitingDestinations:
    """Return the destinations for which calls of the caller are held back.

    Those for which calls wait in the database come first; then those that workers report.
    """
    with context.database.transaction() as connection:
        found = attention.held_destinations(connection, caller.account.id, limit=limit)
        reports = united(heartbeats.held(connection, caller.account.id))
    return with_reports(found, reports, limit=limit)
