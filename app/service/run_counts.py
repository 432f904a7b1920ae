"""Run counts: how the runs of an account ended, and how late its calls began, over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from app.domain.account import Caller
from app.domain.lateness import Histogram, Window, window
from app.domain.run import SETTLED
from app.domain.run_counts import RunCount, RunCounts, Span, bucket_of
from app.errors import InvalidMember
from app.service.context import Context
from app.store import accuracy, run_counts
from app.store.job_list import TooLong, in_time

MAX_COUNTED: Final = 350_000
"""How many runs one request counts, but at least one bucket. They take some 60 ms."""


def count_runs(context: Context, caller: Caller, span: Span) -> RunCounts:
    """Count the caller's runs that are over, by due time, from the newest bucket of the span on.

    The rest of the span is left once MAX_COUNTED runs are counted. Raises InvalidMember if the runs
    of one bucket take too long.
    """
    counts: list[RunCount] = []
    total = 0
    try:
        with context.database.transaction() as connection, in_time(connection):
            lateness = _lateness(connection, caller.account.id, span)
            with run_counts.stream(connection, caller.account.id, span) as rows:
                for row in rows:
                    numbers = {state: int(getattr(row, state)) for state in SETTLED}
                    counted = RunCount(
                        begins=row.begins, numbers=numbers, lateness=lateness.get(row.begins)
                    )
                    counts.append(counted)
                    total += counted.total
                    if total >= MAX_COUNTED:
                        break
    except TooLong:
        raise InvalidMember(
            "bucket",
            "There are too many runs in a bucket to count them at once.",
            remedy="Give a shorter bucket.",
        ) from None
    oldest = counts[-1].begins
    return RunCounts(counts=tuple(counts), more_before=oldest if oldest > span.begins else None)


def _lateness(connection: Connection, account_id: int, span: Span) -> Mapping[datetime, Window]:
    """Return the lateness in each bucket that has any, by the beginning of the bucket."""
    histograms: defaultdict[datetime, list[Histogram]] = defaultdict(list)
    for begins, histogram in accuracy.between(connection, account_id, span.begins, span.ends):
        histograms[bucket_of(begins, span.step)].append(histogram)
    found = {begins: window(begins, each) for begins, each in histograms.items()}
    return {begins: each for begins, each in found.items() if each.deliveries}
