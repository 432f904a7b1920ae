"""Re-arming: after the due time and now, with what was missed made, counted or left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.clocks import OnOverlap
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.native.trigger import Cron, Local
from app.domain.one_time import At
from app.domain.rearm import MAX_AT_ONCE, MAX_COUNTED, Rearmed, catch_up, rearm

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
    assert rearmed.missed == min(between, MAX_COUNTED)


def test_claimed_ahead_of_time_nothing_was_missed() -> None:
    rearmed = rearm(QUARTERLY, due_at=NOON, now=NOON - timedelta(milliseconds=300))

    assert (rearmed.next_at, rearmed.missed) == (NOON + timedelta(minutes=15), 0)


def test_a_schedule_that_is_over_is_not_armed_again() -> None:
    last = Cron(expression="0 0 12 1 6 ? 2026")

    assert rearm(last, due_at=NOON, now=NOON).next_at is None
    assert rearm(At(instant=NOON), due_at=NOON, now=NOON).next_at is None


ALL, ONE, SKIP = MisfirePolicy.ALL, MisfirePolicy.ONE, MisfirePolicy.SKIP


def claimed(minutes: float, misfire: Misfire) -> Rearmed:
    """What becomes of the quarterly firing of noon, so many minutes later."""
    now = NOON + timedelta(minutes=minutes)
    return rearm(QUARTERLY, due_at=NOON, now=now, misfire=misfire)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize("policy", [None, *MisfirePolicy])
@pytest.mark.parametrize("minutes", [-0.005, 0, 0.5])
def test_what_is_claimed_in_time_is_made_whatever_the_policy(
    policy: MisfirePolicy | None, minutes: float
) -> None:
    assert claimed(minutes, Misfire(policy=policy)) == Rearmed(fire_at=NOON, next_at=at(15))


def test_one_stands_for_all_that_were_missed() -> None:
    expected = Rearmed(fire_at=NOON, next_at=at(60), missed=3)
    assert claimed(50, Misfire(policy=ONE)) == claimed(50, Misfire()) == expected


def test_all_are_made_one_after_the_other() -> None:
    assert claimed(50, Misfire(policy=ALL)) == Rearmed(fire_at=NOON, next_at=at(15))


def test_skip_leaves_out_what_is_later_than_a_minute() -> None:
    assert claimed(1, Misfire(policy=SKIP)).fire_at == NOON
    assert claimed(2, Misfire(policy=SKIP)) == Rearmed(
        fire_at=None, next_at=at(15), missed=1, left_out=1
    )
    assert claimed(45.5, Misfire(policy=SKIP)) == Rearmed(
        fire_at=at(45), next_at=at(60), missed=3, left_out=3
    )


@pytest.mark.parametrize("policy", [None, ONE, SKIP])
def test_of_those_within_the_window_one_stands_for_the_others(
    policy: MisfirePolicy | None,
) -> None:
    misfire = Misfire(policy=policy, window=1500)
    assert claimed(50, misfire) == Rearmed(fire_at=at(30), next_at=at(60), missed=3, left_out=2)


def test_of_all_those_within_the_window_are_made() -> None:
    misfire = Misfire(policy=ALL, window=1500)
    assert claimed(50, misfire) == Rearmed(fire_at=at(30), next_at=at(45), missed=2, left_out=2)


def test_a_firing_exactly_as_late_as_the_window_is_made() -> None:
    assert claimed(10, Misfire(window=600)).fire_at == NOON
    assert claimed(55, Misfire(window=1500)).fire_at == at(30)
    assert claimed(10.001, Misfire(window=600)).fire_at is None


@pytest.mark.parametrize("policy", [None, *MisfirePolicy])
def test_a_one_time_job_is_made_however_late(policy: MisfirePolicy | None) -> None:
    made = rearm(
        At(instant=NOON),
        due_at=NOON,
        now=NOON + timedelta(days=400),
        misfire=Misfire(policy=policy, window=1),
    )
    assert made == Rearmed(fire_at=NOON, next_at=None)


def test_a_schedule_whose_last_firing_is_too_late_is_over() -> None:
    last = Cron(expression="0 0 12 1 6 ? 2026")
    made = rearm(last, due_at=NOON, now=at(5), misfire=Misfire(policy=SKIP))
    assert made == Rearmed(fire_at=None, next_at=None, missed=1, left_out=1)


@given(
    late=st.integers(min_value=-1, max_value=3 * 86400),
    policy=st.none() | st.sampled_from(MisfirePolicy),
    window=st.none() | st.integers(1, 2 * 86400),
)
def test_every_firing_is_made_once_or_counted_once(
    late: int, policy: MisfirePolicy | None, window: int | None
) -> None:
    now = NOON + timedelta(seconds=late)
    misfire = Misfire(policy=policy, window=window)
    made: list[datetime] = []
    counted = 0
    following: datetime | None = NOON
    while following is not None and following <= max(now, NOON):
        each = rearm(QUARTERLY, due_at=following, now=now, misfire=misfire)
        made += [each.fire_at] if each.fire_at else []
        counted += each.missed
        assert each.next_at is not None
        assert each.next_at > following
        following = each.next_at

    due = [at(15 * number) for number in range(max(late, 0) // 900 + 1)]
    assert len(made) + counted == len(due)
    assert following == due[-1] + timedelta(minutes=15)
    earliest = now - timedelta(seconds=window or (60 if policy is SKIP else 10**7))
    within = [each for each in due if each >= earliest]
    assert made == (within if policy is ALL else within[:1])


def test_catching_up_makes_what_is_left_and_no_more_than_is_bearable() -> None:
    def made(minutes: int, policy: MisfirePolicy) -> list[datetime | None]:
        misfire = Misfire(policy=policy)
        caught = catch_up(QUARTERLY, due_at=NOON, now=at(minutes), misfire=misfire)
        return [each.fire_at for each in caught]

    assert made(50, ALL) == [NOON, at(15), at(30), at(45)]
    assert made(50, ONE) == [NOON]
    assert made(50, SKIP) == []
    assert made(-1, ALL) == []
    assert len(made(100_000, ALL)) == MAX_AT_ONCE


def test_in_a_zone_the_firings_missed_across_a_change_of_its_clock_are_counted() -> None:
    local = Local(timezone="America/New_York", on_overlap=OnOverlap.BOTH)
    hourly = Cron(expression="0 30 * * * ?", local=local)
    due_at = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)
    found = rearm(hourly, due_at=due_at, now=due_at + timedelta(hours=3))
    assert found == Rearmed(fire_at=due_at, next_at=due_at + timedelta(hours=4), missed=3)
    second = Cron(expression="0 30 * * * ?", local=Local(timezone="America/New_York"))
    found = rearm(second, due_at=due_at, now=due_at + timedelta(hours=3))
    assert found == Rearmed(fire_at=due_at, next_at=due_at + timedelta(hours=4), missed=2)
