"""Retry policies: the waits they stand for, and what is refused of them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.retry_policy import (
    DEFAULT,
    MAX_AGE,
    MAX_ATTEMPTS,
    Backoff,
    RetryPolicy,
    check_retry,
    most_attempts,
    wait_after,
)
from app.errors import InvalidMember

WAITS = st.floats(1, 86_400)
BACKOFFS = st.builds(
    Backoff, initial=WAITS, factor=st.none() | st.floats(1, 10), max=st.none() | st.just(86_400.0)
)


def waits(policy: RetryPolicy) -> list[float]:
    made = range(1, most_attempts(policy))
    return [wait_after(policy, number).total_seconds() for number in made]


def test_a_schedule_has_one_attempt_more_than_waits() -> None:
    assert waits(RetryPolicy(schedule=(1, 2.5, 60))) == [1, 2.5, 60]


def test_more_attempts_than_waits_repeat_the_last_and_fewer_leave_some_out() -> None:
    assert waits(RetryPolicy(schedule=(1, 5), max_attempts=5)) == [1, 5, 5, 5]
    assert waits(RetryPolicy(schedule=(1, 5, 9), max_attempts=2)) == [1]
    assert waits(RetryPolicy(max_attempts=3)) == [5, 300]
    assert waits(RetryPolicy(max_attempts=10))[-3:] == [36_000] * 3


def test_what_is_left_out_is_as_by_default() -> None:
    assert waits(RetryPolicy(max_age=60)) == waits(DEFAULT)
    assert len(waits(RetryPolicy(backoff=Backoff(initial=1)))) == len(waits(DEFAULT))


def test_a_backoff_grows_to_its_most() -> None:
    assert waits(RetryPolicy(max_attempts=6, backoff=Backoff(initial=2, factor=3, max=50))) == [
        *(2, 6, 18),
        *(50, 50),
    ]
    doubling = waits(RetryPolicy(max_attempts=20, backoff=Backoff(initial=1)))
    assert doubling[:4] == [1, 2, 4, 8]
    assert doubling[-1] == 86_400


@given(BACKOFFS, st.integers(1, MAX_ATTEMPTS))
def test_waits_of_a_backoff_never_shrink_and_keep_to_a_day(backoff: Backoff, made: int) -> None:
    policy = RetryPolicy(max_attempts=made, backoff=backoff, max_age=60)
    check_retry(policy)
    lengths = waits(policy)
    assert all(first <= second for first, second in pairwise(lengths))
    assert all(backoff.initial - 1e-6 <= length <= 86_400 for length in lengths)


@given(st.lists(WAITS, min_size=1, max_size=19), st.none() | st.integers(1, MAX_ATTEMPTS))
def test_what_is_taken_ends_within_a_week(schedule: list[float], made: int | None) -> None:
    policy = RetryPolicy(schedule=tuple(schedule), max_attempts=made)
    total = timedelta(seconds=sum(waits(policy)))
    if total <= timedelta(seconds=MAX_AGE):
        check_retry(policy)
    else:
        with pytest.raises(InvalidMember, match="add up"):
            check_retry(policy)


@pytest.mark.parametrize(
    ("policy", "member"),
    [
        (RetryPolicy(), "retry"),
        (RetryPolicy(max_attempts=0), "retry.maxAttempts"),
        (RetryPolicy(max_attempts=21), "retry.maxAttempts"),
        (RetryPolicy(max_attempts=10**30), "retry.maxAttempts"),
        (RetryPolicy(max_age=0.5), "retry.maxAge"),
        (RetryPolicy(max_age=604_801), "retry.maxAge"),
        (RetryPolicy(schedule=()), "retry.schedule"),
        (RetryPolicy(schedule=(1,) * 20), "retry.schedule"),
        (RetryPolicy(schedule=(1, 0.999)), "retry.schedule[1]"),
        (RetryPolicy(schedule=(86_401, 1)), "retry.schedule[0]"),
        (RetryPolicy(schedule=(1,), backoff=Backoff(initial=1)), "retry.backoff"),
        (RetryPolicy(backoff=Backoff(initial=0)), "retry.backoff.initial"),
        (RetryPolicy(backoff=Backoff(initial=10**30)), "retry.backoff.initial"),
        (RetryPolicy(backoff=Backoff(initial=1, factor=0.9)), "retry.backoff.factor"),
        (RetryPolicy(backoff=Backoff(initial=1, factor=11)), "retry.backoff.factor"),
        (RetryPolicy(backoff=Backoff(initial=5, max=4)), "retry.backoff.max"),
        (RetryPolicy(backoff=Backoff(initial=5, max=86_401)), "retry.backoff.max"),
        (RetryPolicy(schedule=(86_400,) * 8), "retry"),
        (RetryPolicy(max_attempts=20, backoff=Backoff(initial=60_000)), "retry"),
    ],
)
def test_what_is_out_of_bounds_is_named(policy: RetryPolicy, member: str) -> None:
    with pytest.raises(InvalidMember) as refused:
        check_retry(policy)

    assert refused.value.member == member
    assert refused.value.remedy
    assert len(refused.value.message) < 200
