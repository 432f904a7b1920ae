"""Overview: collects what the first page of the console shows of an account."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from app.domain.account import Caller
from app.domain.job_filter import JobFilter
from app.domain.overview import NEXT, Overview, day_until, merged
from app.domain.run_counts import RunCounts, Span
from app.domain.upcoming import Upcoming
from app.service import accuracy, attention, run_counts, upcoming
from app.service.context import Context
from app.store import runs_under_way
from app.store.database import driver_of

_SHOWN: Final = 5
"""The failing jobs and the held destinations that are shown."""

_COUNTED_AGAIN: Final = 2
"""The newest buckets, in which most runs end: an hour."""


def get_overview(context: Context, caller: Caller) -> Overview:
    """Return the overview of the caller's account, in a bounded number of short queries."""
    span = day_until(caller.now)
    with context.database.transaction() as connection:
        under_way = runs_under_way.of_account(driver_of(connection), caller.account.id)
    return Overview(
        span=span,
        counts=_counts(context, caller, span),
        accuracy=accuracy.get_accuracy(context, caller),
        under_way=under_way,
        failures=attention.list_failures(context, caller, limit=_SHOWN),
        held=attention.list_held_destinations(context, caller, limit=_SHOWN),
        upcoming=_next(context, caller),
    )


def _counts(context: Context, caller: Caller, span: Span) -> RunCounts:
    """Count the newest buckets; the others only if this process has not just done so.

    A page that many people leave open asks every few seconds.
    """
    known = context.recent_counts.get(caller.account.id, caller.now)
    if known and known[-1].begins == span.begins:
        begins = span.ends - _COUNTED_AGAIN * span.step
        newest = run_counts.count_runs(context, caller, replace(span, begins=begins))
        return merged(newest, known, span)
    counts = run_counts.count_runs(context, caller, span)
    context.recent_counts.keep(caller.account.id, caller.now, counts.counts)
    return counts


def _next(context: Context, caller: Caller) -> tuple[tuple[Upcoming, str | None], ...]:
    with upcoming.list_upcoming(
        context, caller, JobFilter(), until=None, after=None, limit=NEXT
    ) as found:
        return tuple(
            (each, upcoming.reason_to_wait(context, caller, each)) for each in found.firings
        )
