"""Resuming: what passed is skipped, but a one-time job always fires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.resume import firing_on_resume
from app.domain.trigger import At, Cron

NOW = datetime(2026, 11, 22, 9, 31, tzinfo=UTC)


@pytest.mark.parametrize("ago", [timedelta(days=-1), timedelta(), timedelta(days=400)])
def test_a_one_time_job_fires_at_its_instant_however_late(ago: timedelta) -> None:
    at = At(instant=NOW - ago)
    assert firing_on_resume(at, fired=False, now=NOW) == at.instant


def test_a_firing_that_was_made_is_not_made_again() -> None:
    assert firing_on_resume(At(instant=NOW), fired=True, now=NOW) is None


@given(st.integers(0, 10**15))
def test_a_recurring_job_goes_on_with_the_next_firing(later: int) -> None:
    now = NOW + timedelta(microseconds=later)
    firing = firing_on_resume(Cron(expression="0 0/15 * * * ?"), fired=False, now=now)
    assert firing is not None
    assert timedelta() < firing - now <= timedelta(minutes=15)


def test_a_schedule_that_is_over_has_nothing_left() -> None:
    assert firing_on_resume(Cron(expression="0 0 0 1 1 ? 2020"), fired=False, now=NOW) is None
