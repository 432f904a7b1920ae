"""Series: which ticks one run calls together, and what follows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dapr.schedule import DaprSchedule, next_after
from app.domain.dapr.series import MIN_APART, further_ticks

START = datetime(2026, 1, 1, tzinfo=UTC)
AHEAD = timedelta(milliseconds=300)


def together(
    step: str, *, now: datetime = START, until: datetime | None = None, most: int = 500
) -> list[datetime | None]:
    ticks = DaprSchedule(schedule=f"@every {step}", start=START, first=START, until=until)
    following = next_after(ticks, START)
    assert following is not None
    return further_ticks(ticks, START, following, now=now, ahead=AHEAD, most=most)


@pytest.mark.parametrize(
    ("step", "late", "number"),
    [
        ("10ms", 0.0, 31),
        ("99ms", 0.0, 4),
        ("100ms", 0.0, 0),
        ("100ms", 0.1, 2),
        ("1s", 0.0, 0),
        ("1s", 0.9, 0),
        ("1s", 1.0, 2),
        ("1s", 7.5, 8),
        ("1h", 7200.0, 3),
    ],
)
def test_ticks_that_are_due_or_come_close_together_are_called_by_one_run(
    step: str, late: float, number: int
) -> None:
    assert len(together(step, now=START + timedelta(seconds=late))) == number


def test_the_last_is_what_follows_or_nothing() -> None:
    last = START + timedelta(milliseconds=25)
    assert together("10ms", until=last) == [
        *(START + timedelta(milliseconds=n) for n in (10, 20)),
        None,
    ]
    assert together("10ms", most=2) == [START + timedelta(milliseconds=n) for n in (10, 20, 30)]
    assert together("10ms", most=0) == []


@given(
    step=st.integers(1, 2_000_000),
    late=st.integers(0, 10_000_000),
    most=st.integers(0, 50),
)
def test_none_is_left_out_and_none_comes_twice(step: int, late: int, most: int) -> None:
    now = START + timedelta(microseconds=late)
    found = together(f"{step}us", now=now, most=most)

    assert len(found) <= most + (most > 0)
    ticks = DaprSchedule(schedule=f"@every {step}us", start=START, first=START)
    expected, last = [], START
    for _ in found:
        tick = next_after(ticks, last)
        assert tick is not None
        expected.append(tick)
        last = tick
    assert found == expected
    for earlier, later in zip([START, *expected], expected[:-1], strict=False):
        assert later <= now or (later <= now + AHEAD and later - earlier < MIN_APART)
