from collections import Counter
from datetime import UTC, datetime
from itertools import chain, pairwise
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.lateness import BOUNDS, Histogram, bucket, window

SINCE = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
FINEST = 0.1


def histogram(latenesses: list[float]) -> Histogram:
    counted = Counter(map(bucket, latenesses))
    counts = [counted[index] for index in range(max(counted) + 1)]
    return Histogram(counts=counts, most_ms=max(latenesses))


def test_the_buckets_reach_from_a_tenth_of_a_millisecond_to_an_hour_in_steps_of_a_tenth() -> None:
    assert BOUNDS[0] == FINEST
    assert BOUNDS[-2] < 3_600_000 <= BOUNDS[-1]
    assert all(1.09 < above / below < 1.102 for below, above in pairwise(BOUNDS))


@given(st.lists(st.lists(st.floats(0, 4_000_000), min_size=1), min_size=1))
def test_a_percentile_is_never_less_than_it_was_and_a_tenth_more_at_most(
    parts: list[list[float]],
) -> None:
    percentiles = window(SINCE, map(histogram, parts))
    late = sorted(chain.from_iterable(parts))
    assert (percentiles.deliveries, percentiles.maximum) == (len(late), late[-1])
    for share, value in ((0.5, percentiles.p50), (0.95, percentiles.p95), (0.99, percentiles.p99)):
        true = late[ceil(round(share * len(late), 9)) - 1]
        assert value is not None
        assert true <= value <= max(FINEST, min(late[-1], true * 1.102))


@pytest.mark.parametrize("histograms", [[], [Histogram(counts=[0, 0], most_ms=0.0)]])
def test_without_deliveries_there_are_no_percentiles(histograms: list[Histogram]) -> None:
    percentiles = window(SINCE, histograms)
    assert (percentiles.since, percentiles.deliveries) == (SINCE, 0)
    assert (percentiles.p50, percentiles.p95, percentiles.p99, percentiles.maximum) == (
        None,
        None,
        None,
        None,
    )


def test_percentiles_above_an_hour_are_the_maximum() -> None:
    percentiles = window(SINCE, [histogram([1.0, 9_000_000.0])])
    assert (percentiles.p99, percentiles.maximum) == (9_000_000.0, 9_000_000.0)
