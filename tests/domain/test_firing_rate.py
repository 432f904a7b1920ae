"""Firing rate: never more than allowed, never less than allowed, and in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.firing_rate import (
    Allowed,
    Bound,
    FiringLimits,
    available,
    expected,
    quiet_number,
    reason,
    return_rate,
    turns,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def spend(per_second: int, spent_until: datetime, now: datetime, number: int) -> datetime:
    """`spent_until` once so many runs have begun, as the statement count_firings has it."""
    return max(spent_until, now) + number * SECOND / per_second


def test_an_account_that_rested_may_begin_a_second_s_worth_at_once() -> None:
    assert available(50, NOW - timedelta(days=1), NOW) == 50
    spent = spend(50, NOW - timedelta(days=1), NOW, 50)
    assert available(50, spent, NOW) == 0
    assert available(50, spent, NOW + timedelta(seconds=0.1)) == 5
    assert available(50, spent, NOW + SECOND) == 50


def test_what_was_spent_beyond_the_allowance_is_paid_back_first() -> None:
    spent = spend(50, NOW, NOW, 150)
    assert available(50, spent, NOW + SECOND) == 0
    assert available(50, spent, NOW + 2 * SECOND) == 0
    assert available(50, spent, NOW + 2.5 * SECOND) == 25


@given(
    rate=st.integers(1, 10_000),
    steps=st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(0, 20_000)), max_size=50),
)
def test_in_no_time_more_begin_than_the_limit_has_for_it(
    rate: int, steps: list[tuple[int, int]]
) -> None:
    """Whenever one asks, and for how many: at most rate × (seconds + 1)."""
    now, spent = NOW, NOW
    begun: list[tuple[datetime, int]] = []
    for micros, wanted in steps:
        now += timedelta(microseconds=micros)
        number = min(wanted, available(rate, spent, now))
        spent = spend(rate, spent, now, number)
        begun.append((now, number))
    for first in range(len(begun)):
        total = 0
        for at, number in begun[first:]:
            total += number
            seconds = (at - begun[first][0]).total_seconds()
            assert total <= rate * (seconds + 1) + 1


@given(rate=st.integers(1, 10_000), debt=st.floats(-10, 100), number=st.integers(1, 200))
def test_turns_are_in_order_never_early_and_spend_what_they_are(
    rate: int, debt: float, number: int
) -> None:
    spent = NOW + timedelta(seconds=debt)
    found = turns(rate, spent, NOW, number)
    assert found == sorted(found)
    assert found[0] >= NOW
    free = sum(turn <= NOW + timedelta(microseconds=2) for turn in found)
    assert abs(free - min(number, available(rate, spent, NOW))) <= 1
    after = turns(rate, spend(rate, spent, NOW, number), NOW, 1)
    assert after[0] >= found[-1]


def test_rows_that_wait_are_expected_one_after_another_behind_those_that_wait_already() -> None:
    first = expected(10, NOW, NOW, 3)
    assert first[0] >= NOW + 10 * SECOND
    assert [b - a for a, b in pairwise(first)] == [SECOND / 10] * 2
    assert expected(10, first[-1], NOW, 1) == [first[-1] + SECOND / 10]


def test_rows_that_wait_for_runs_to_end_come_a_hundred_a_second_at_most() -> None:
    assert return_rate(Allowed(per_second=1000), Bound.FIRINGS) == 1000
    assert return_rate(Allowed(per_second=1000), Bound.RUNS) == 100
    assert return_rate(Allowed(per_second=5), Bound.RUNS) == 5
    assert return_rate(Allowed(), Bound.RUNS) == 100


def test_what_need_not_be_counted_is_a_small_part_of_the_limit() -> None:
    assert quiet_number(1000) == 125
    assert quiet_number(None) == FiringLimits().quiet
    limits = FiringLimits(of={7: Allowed(per_second=1)}, quiet=10)
    assert limits.is_counted(7, 1)
    assert not limits.is_counted(8, 10)
    assert limits.is_counted(8, 11)


@pytest.mark.parametrize(
    ("bound", "words"),
    [(Bound.FIRINGS, "50 runs a second (firingsPerSecond)"), (Bound.RUNS, "7 runs under way")],
)
def test_reasons_name_the_limit(bound: Bound, words: str) -> None:
    assert words in reason(Allowed(per_second=50, runs=7), bound)


@pytest.mark.parametrize("bound", Bound)
def test_a_limit_that_was_switched_off_since_has_no_amount(bound: Bound) -> None:
    assert reason(Allowed(), bound) == f"postponed: the account was above its limit ({bound})"
