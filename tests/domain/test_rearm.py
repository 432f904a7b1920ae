"""Re-arming: strictly after the due time and now, with what was missed counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.clocks import OnOverlap
from app.domain.rearm import MOST_COUNTED, Rearmed, rearm
from app.domain.trigger import At, Cron, Local

QUARTERLY = Cron(expression="0 0/15 * * * ?")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@given(late=st.integers(min_value=-1000, max_value=100 * 86400))
def test_the_next_firing_is_strictly_after_both_and_none_is_skipped_uncounted(late: int) -> None:
    now = NOON + timedelta(seconds=late)

    rearmed = rearm(QUARTERLY, due_at=NOON, now=now)

    assert rearmed.next_at is not None
    assert rearmed.next_at > max(NOON, now)
    assert rearmed.next_at - max(NOON, now) <= timedelta(minutes=15)
    between = max(0, late // 900)
    assert rearmed.missed == min(between, MOST_COUNTED)


def test_claimed_ahead_of_time_nothing_was_missed() -> None:
    rearmed = rearm(QUARTERLY, due_at=NOON, now=NOON - timedelta(milliseconds=300))

    assert (rearmed.next_at, rearmed.missed) == (NOON + timedelta(minutes=15), 0)


def test_a_schedule_that_is_over_is_not_armed_again() -> None:
    last = Cron(expression="0 0 12 1 6 ? 2026")

    assert rearm(last, due_at=NOON, now=NOON).next_at is None
    assert rearm(At(instant=NOON), due_at=NOON, now=NOON).next_at is None


def test_in_a_zone_the_firings_missed_across_a_change_of_its_clock_are_counted() -> None:
    local = Local(timezone="America/New_York", on_overlap=OnOverlap.BOTH)
    hourly = Cron(expression="0 30 * * * ?", local=local)
    due_at = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
    found = rearm(hourly, due_at=due_at, now=due_at + timedelta(hours=3))
    assert found == Rearmed(next_at=due_at + timedelta(hours=4), missed=3)
    second = Cron(expression="0 30 * * * ?", local=Local(timezone="America/New_York"))
    found = rearm(second, due_at=due_at, now=due_at + timedelta(hours=3))
    assert found == Rearmed(next_at=due_at + timedelta(hours=4), missed=2)
