"""Overview: a day of half hours, and newest counts continued by those that were made before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.domain.overview import BARS, STEP, day_until, merged
from app.domain.run import SETTLED
from app.domain.run_counts import RunCount, RunCounts

NOW = datetime(2026, 11, 22, 9, 40, tzinfo=UTC)
SPAN = day_until(NOW)


def counted(number: int, total: int) -> RunCount:
    """The count of the bucket so many buckets before the newest."""
    begins = SPAN.ends - (number + 1) * STEP
    return RunCount(begins=begins, numbers=dict.fromkeys(SETTLED, total), lateness=None)


def test_a_day_ends_with_the_half_hour_that_is_not_over() -> None:
    assert SPAN.ends == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert SPAN.ends - SPAN.begins == BARS * STEP == timedelta(days=1)


def test_newest_counts_replace_earlier_ones() -> None:
    earlier = tuple(counted(number, 1) for number in range(BARS))
    newest = RunCounts(counts=(counted(0, 7), counted(1, 7)), more_before=None)
    found = merged(newest, earlier, SPAN)
    assert [each.numbers for each in found.counts[:3]] == [
        dict.fromkeys(SETTLED, each) for each in (7, 7, 1)
    ]
    assert len(found.counts) == BARS
    assert found.more_before is None


def test_what_was_not_counted_before_is_still_reported() -> None:
    newest = RunCounts(counts=(counted(0, 7),), more_before=None)
    found = merged(newest, (counted(0, 1), counted(1, 1)), SPAN)
    assert found.more_before == counted(1, 1).begins
