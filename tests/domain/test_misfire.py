"""Misfire policies: their windows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain.misfire import DEFAULT, Misfire, MisfirePolicy, check_misfire, window_of
from app.errors import InvalidMember


def test_without_a_window_only_a_skipping_job_has_one() -> None:
    assert window_of(DEFAULT) is None
    assert window_of(Misfire(policy=MisfirePolicy.ALL)) is None
    assert window_of(Misfire(policy=MisfirePolicy.ONE)) is None
    assert window_of(Misfire(policy=MisfirePolicy.SKIP)) == timedelta(minutes=1)


@pytest.mark.parametrize("policy", [None, *MisfirePolicy])
def test_a_window_that_is_given_counts(policy: MisfirePolicy | None) -> None:
    assert window_of(Misfire(policy=policy, window=2.5)) == timedelta(seconds=2.5)


@pytest.mark.parametrize("window", [0, 0.999, -1, 2_592_001, 10**30])
def test_a_window_out_of_bounds_is_refused(window: float) -> None:
    with pytest.raises(InvalidMember) as refused:
        check_misfire(Misfire(window=window))
    assert refused.value.member == "misfireWindow"


@pytest.mark.parametrize("window", [1, 2.5, 2_592_000])
def test_a_window_within_them_is_taken(window: float) -> None:
    check_misfire(Misfire(window=window))
