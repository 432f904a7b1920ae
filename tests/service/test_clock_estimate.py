"""The clock estimate: carried on from readings, of which the one that is ahead counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.service.clock_estimate import ClockEstimate

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_a_reading_is_carried_on_and_a_late_one_does_not_count() -> None:
    uptime = [100.0]
    estimate = ClockEstimate(uptime=lambda: uptime[0])
    assert estimate.now() is None
    estimate.note(NOON)
    uptime[0] += 10
    assert estimate.now() == NOON + timedelta(seconds=10)
    estimate.note(NOON + timedelta(seconds=9.9))
    assert estimate.now() == NOON + timedelta(seconds=10)
    estimate.note(NOON + timedelta(seconds=10.1))
    assert estimate.now() == NOON + timedelta(seconds=10.1)
    estimate.forget()
    assert estimate.now() is None
    estimate.note(NOON)
    assert estimate.now() == NOON


def test_a_reading_of_a_clock_that_was_set_back_counts() -> None:
    estimate = ClockEstimate(uptime=lambda: 100.0)
    estimate.note(NOON)
    # So late may a reading be that was on its way.
    estimate.note(NOON - timedelta(seconds=9))
    assert estimate.now() == NOON
    estimate.note(NOON - timedelta(hours=1))
    assert estimate.now() == NOON - timedelta(hours=1)
