"""The arithmetic of what was measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import lateness, middle, percentile, rounded, spread
from bench.harness import MISSED_AIMS
from bench.phases import restart
from bench.receiver import Arrival

values = st.lists(st.floats(min_value=-10, max_value=1e6), min_size=1, max_size=300)
shares = st.integers(min_value=1, max_value=1000).map(lambda part: part / 1000)


def test_percentiles_are_the_nearest_ranks() -> None:
    thousand = [float(n) for n in range(1, 1001)]

    assert [percentile(thousand, share) for share in (0.001, 0.5, 0.99, 0.999, 1.0)] == [
        1,
        500,
        990,
        999,
        1000,
    ]
    assert percentile([7.0], 0.5) == 7.0


@given(values, shares)
def test_a_percentile_is_the_least_value_that_enough_do_not_exceed(
    found: list[float], share: float
) -> None:
    ascending = sorted(found)

    chosen = percentile(ascending, share)

    def part(bound: float) -> float:
        return sum(each <= bound for each in ascending) / len(ascending)

    assert part(chosen) >= share - 1e-9
    assert all(part(each) < share + 1e-9 for each in ascending if each < chosen)


def test_a_percentile_needs_a_value() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        percentile([], 0.5)


def test_lateness_is_in_milliseconds() -> None:
    late = lateness([0.003, 0.001, 0.002, -0.0005])

    assert (late.p50, late.p99, late.max, late.min, late.samples) == (1, 3, 3, -0.5, 4)


def test_rounds_are_summed_up_by_their_median_and_how_far_they_lie_apart() -> None:
    assert middle([5, 1, 100]) == 5
    assert spread([80, 100, 120]) == 0.4
    assert spread([0, 0]) == 0


def test_figures_have_no_more_digits_than_were_measured() -> None:
    assert rounded(12345.678) == 12300
    assert rounded(0.0012345) == 0.00123


def test_a_call_above_the_aim_of_a_restart_is_reported() -> None:
    assert restart.missed_aim(1000.0) == {}
    assert restart.missed_aim(5012.3) == {
        MISSED_AIMS: ["restart: the latest call came 5,012 ms late, the aim is 1000 ms"]
    }


def test_the_latest_call_is_shown_beside_the_restarted_process() -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    arrivals = [
        Arrival(run=f"{second}", due=first + timedelta(seconds=second), late=second / 10)
        for second in range(20)
    ]
    restarted = restart.Restarted(
        name="worker",
        stopped_at=first + timedelta(seconds=5),
        at=first + timedelta(seconds=9),
    )

    assert restart.latest_ms(arrivals, restarted) == 1000.0
    assert restart.latest_ms([], restarted) == 0.0
