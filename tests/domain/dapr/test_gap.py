"""Gap: the fewest whole seconds between two ticks, as anybody finds who walks them."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.dapr.gap import minimum_gap, ticks_from
from app.domain.dapr.schedule import DaprSchedule, next_after
from tests.domain.dapr.expressions import Expression, expressions
from tests.domain.quartz.reference import utc

NOON = utc(2026, 11, 22, 12)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("schedule", "first", "until", "remaining", "gap"),
    [
        ("@every 5m", None, None, None, 300),
        ("@every 1500ms", None, None, None, 1),
        ("@every 150ms", None, None, None, 0),
        ("@every 1500ms", None, None, 3, 1),
        ("@every 5m", None, None, 1, None),
        ("@every 5m", NOON, NOON, None, None),
        ("@every 5m", NOON, None, 1, None),
        ("@hourly", NOON - SECOND, None, None, 1),
        ("@hourly", NOON - SECOND / 2, None, None, 0),
        ("@hourly", NOON, None, None, 3600),
        ("0 0 0 1 * *", None, None, None, 28 * 86400),
        # December to March, and the tick at the end counts.
        ("0 0 0 1 * *", None, utc(2027, 2, 1), None, 31 * 86400),
        ("0 0 0 1 * *", None, utc(2027, 3, 1), None, 28 * 86400),
        ("0 0 0 1 * *", None, None, 3, 31 * 86400),
        # Shown twice, an hour apart.
        ("CRON_TZ=America/New_York 0 30 1 * * *", None, None, None, 3600),
        ("CRON_TZ=America/New_York 0 30 1 * * *", None, None, 300, 82800),
        ("0 0 0 29 2 *", utc(2028, 2, 29), utc(2028, 2, 29), None, None),
        ("0 0 0 1 1 *", utc(2199, 1, 1), None, None, None),
        ("0 0 0 1 1 *", utc(2199, 1, 1) - SECOND, None, None, 1),
    ],
)
def test_the_gap_of_a_job(
    schedule: str,
    first: datetime | None,
    until: datetime | None,
    remaining: int | None,
    gap: int | None,
) -> None:
    ticks = DaprSchedule(schedule=schedule, start=first or NOON, first=first, until=until)
    begin = first or next_after(ticks, NOON)
    assert begin is not None
    assert minimum_gap(ticks, begin, remaining) == gap


@settings(deadline=None, max_examples=40)
@given(
    expressions(seconds=False),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - made aware below
)
def test_no_two_ticks_are_closer(drawn: Expression, start: datetime) -> None:
    first = start.replace(tzinfo=NOON.tzinfo)
    ticks = DaprSchedule(schedule=drawn.text, start=first, first=first)
    walked = list(islice(ticks_from(ticks, first, None), 400))
    gap = minimum_gap(ticks, first)
    closest = min((b - a for a, b in pairwise(walked)), default=None)
    if gap is None or closest is None:
        assert len(walked) == 1
    else:
        # Between days that differ, or at the start, a walk may end before it meets the closest.
        assert timedelta(seconds=gap) <= closest
        assert gap >= 0


@settings(deadline=None, max_examples=40)
@given(expressions(), st.integers(2, 50))
def test_of_few_ticks_the_gap_is_exact(drawn: Expression, remaining: int) -> None:
    ticks = DaprSchedule(schedule=drawn.text, start=NOON, first=NOON)
    walked = list(ticks_from(ticks, NOON, remaining))
    assert len(walked) <= remaining
    expected = min(((b - a) // SECOND for a, b in pairwise(walked)), default=None)
    assert minimum_gap(ticks, NOON, remaining) == expected
