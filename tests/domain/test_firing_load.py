"""Firing load: firings by the hour, those that wait, and the busiest minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.domain.firing_load import HOURS, Busiest, load

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_firings_are_counted_by_hour_and_the_first_of_the_busiest_minutes_is_named() -> None:
    minutes = [
        (AT - MINUTE, 9),
        (AT, 2),
        (AT + 59 * MINUTE, 3),
        (AT + 60 * MINUTE, 3),
        (AT + 24 * 60 * MINUTE - MINUTE, 1),
    ]
    found = load(AT, minutes, counted_until=None)
    assert (found.counts[0], found.counts[1], found.counts[23]) == (5, 3, 1)
    assert (sum(found.counts), len(found.counts), found.overdue) == (9, HOURS, 9)
    assert found.busiest == Busiest(begins=AT + 59 * MINUTE, count=3)


def test_without_firings_no_minute_is_the_busiest() -> None:
    found = load(AT, [(AT - MINUTE, 1)], counted_until=None)
    assert (found.busiest, sum(found.counts), found.overdue) == (None, 0, 1)
