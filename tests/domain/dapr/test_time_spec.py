"""Points in time: as named, relative to another one, in the three notations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dapr import time_spec
from app.domain.dapr.refusal import Refusal
from tests.domain.quartz.reference import utc

BASE = utc(2026, 1, 31, 9, 0, 0, 500_000)
OFFSETS = st.integers(-24 * 60, 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),  # noqa: DTZ001 - given its offset below
    OFFSETS.filter(lambda each: abs(each) < timedelta(days=1)),
)
def test_an_instant_is_read_whatever_its_offset(local: datetime, offset: timedelta) -> None:
    instant = local.replace(tzinfo=timezone(offset))
    found = time_spec.parse(instant.isoformat(), BASE, member="dueTime")
    assert found == instant
    assert found.tzinfo is UTC


@given(st.integers(-(10**17), 10**17))
def test_a_duration_is_added_and_never_early(nanoseconds: int) -> None:
    found = time_spec.parse(f"{nanoseconds}ns", BASE, member="dueTime")
    assert 0 <= (found - BASE) // timedelta(microseconds=1) * 1000 - nanoseconds < 1000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", BASE),
        ("2026-01-31T09:00:00.1234567Z", utc(2026, 1, 31, 9, 0, 0, 123_457)),
        ("2026-01-31T23:59:59.9999999Z", utc(2026, 2, 1)),
        ("2026-01-31T09:00:00-00:30", utc(2026, 1, 31, 9, 30)),
        ("P1M", utc(2026, 3, 3, 9, 0, 0, 500_000)),
        ("P-1M", utc(2025, 12, 31, 9, 0, 0, 500_000)),
        ("P-1Y", utc(2025, 1, 31, 9, 0, 0, 500_000)),
        ("P12M", utc(2027, 1, 31, 9, 0, 0, 500_000)),
        ("P1M2M", utc(2026, 3, 31, 9, 0, 0, 500_000)),
        ("P1W1D", utc(2026, 2, 8, 9, 0, 0, 500_000)),
        ("PTT5S", BASE + timedelta(seconds=5)),
        ("R0", BASE),
        ("R0/", BASE),
        ("R-5/PT5S", BASE + timedelta(seconds=5)),
    ],
)
def test_what_is_named(text: str, expected: datetime) -> None:
    assert time_spec.parse(text, BASE, member="dueTime") == expected


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "P",
            "R",
            "R/",
            "R/PT5S",
            "Rx/PT5S",
            "T5S",
            "P1H",
            "PT1D",
            "PT1Y",
            "P1S",
            "PT1W",
        ),
        *("PTS", "PY", "P1.5D", "P5T5S", "p1d", "now", "tomorrow", "1d", " P1D"),
        *("2026-01-31T09:00:00", "2026-01-31T09:00:00z", "2026-01-31t09:00:00Z"),
        *("2026-01-31T24:00:00Z", "2026-01-31T09:00:60Z", "2026-13-01T00:00:00Z"),
        *("2026-01-31T09:00:00+25:00", "2026-01-31T09:00:00+01:60", "2026-01-31T09:00:00.Z"),
        "x" * 100_000,
    ],
)
def test_what_names_no_point_in_time(text: str) -> None:
    for member, name in (("dueTime", "due time"), ("ttl", "ttl")):
        with pytest.raises(Refusal, match=f"^{name} format not recognized") as refusal:
            time_spec.parse(text, BASE, member=member)
        assert refusal.value.member == member
        assert len(refusal.value.text) < 400


@pytest.mark.parametrize(
    "text",
    [
        *("P9999Y", "P-2026Y", "P99999999999999999999Y", "P9999999999D", "P-999999D"),
        *("PT" + "9" * 100 + "H", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01"),
        "9999-12-31T23:59:59.9999999Z",
    ],
)
def test_what_lies_outside_the_calendar(text: str) -> None:
    with pytest.raises(Refusal, match="outside the years 1 to 9999"):
        time_spec.parse(text, BASE, member="ttl")


def test_a_repeated_period_is_no_point_in_time() -> None:
    for text in ("R1/PT5S", "R5", "R5/P"):
        with pytest.raises(Refusal, match=r"^repeats not supported for due time"):
            time_spec.parse(text, BASE, member="dueTime")
