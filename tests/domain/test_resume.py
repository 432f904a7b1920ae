"""Resuming: what passed during a pause was missed, and made up for as the job asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.misfire import DEFAULT, Misfire, MisfirePolicy
from app.domain.native.trigger import Cron
from app.domain.rearm import rearm
from app.domain.resume import firing_after_pause

NOW = datetime(2026, 11, 22, 9, 31, tzinfo=UTC)
QUARTERLY = Cron(expression="0 0/15 * * * ?")
MISSED = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LAST = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
NEXT = datetime(2026, 11, 22, 9, 45, tzinfo=UTC)
PAUSED = MISSED - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("misfire", "since", "expected"),
    [
        (DEFAULT, PAUSED, MISSED),
        (DEFAULT, MISSED, MISSED + timedelta(minutes=15)),
        (DEFAULT, LAST, NEXT),
        (DEFAULT, NOW + timedelta(hours=1), datetime(2026, 11, 22, 10, 45, tzinfo=UTC)),
        (Misfire(policy=MisfirePolicy.ALL), PAUSED, MISSED),
        (Misfire(policy=MisfirePolicy.SKIP), PAUSED, MISSED),
        (Misfire(policy=MisfirePolicy.SKIP, window=59), PAUSED, NEXT),
        (Misfire(policy=MisfirePolicy.ALL, window=59), PAUSED, NEXT),
        (Misfire(window=60), PAUSED, MISSED),
    ],
)
def test_what_was_missed_is_armed_where_any_of_it_will_be_made(
    misfire: Misfire, since: datetime, expected: datetime
) -> None:
    assert firing_after_pause(QUARTERLY, since=since, now=NOW, misfire=misfire) == expected


@given(
    st.integers(0, 10**15),
    st.integers(0, 10**12),
    st.sampled_from([None, *MisfirePolicy]),
    st.none() | st.floats(1, 10**6),
)
def test_what_is_armed_is_to_come_or_will_be_made(
    later: int, ago: int, policy: MisfirePolicy | None, window: float | None
) -> None:
    now = NOW + timedelta(microseconds=later)
    since = now - timedelta(microseconds=ago)
    misfire = Misfire(policy=policy, window=window)
    firing = firing_after_pause(QUARTERLY, since=since, now=now, misfire=misfire)
    assert firing is not None
    assert firing > since
    if firing > now:
        assert firing - now <= timedelta(minutes=15)
    else:
        assert firing - since <= timedelta(minutes=15)
        assert rearm(QUARTERLY, due_at=firing, now=now, misfire=misfire).fire_at is not None


@pytest.mark.parametrize("misfire", [DEFAULT, Misfire(policy=MisfirePolicy.SKIP)])
def test_a_schedule_that_is_over_has_nothing_left(misfire: Misfire) -> None:
    trigger = Cron(expression="0 0 0 1 1 ? 2020")
    over = datetime(2020, 1, 1, tzinfo=UTC)
    assert firing_after_pause(trigger, since=over, now=NOW, misfire=misfire) is None
    missed = firing_after_pause(trigger, since=over - timedelta(days=1), now=NOW, misfire=misfire)
    assert missed == (over if misfire == DEFAULT else None)
