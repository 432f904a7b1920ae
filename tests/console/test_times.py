"""Times: instants and durations in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.console import times

NOW = datetime(2026, 11, 22, 6, 10, 56, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("instant", "zone", "hours", "text"),
    [
        ("2026-11-22T09:15:00Z", "Europe/Berlin", 24, "Sun 22 Nov 10:15:00 +01:00"),
        ("2026-11-22T09:15:00Z", "UTC", 24, "Sun 22 Nov 09:15:00 UTC"),
        ("2026-11-22T09:15:00Z", "Asia/Kathmandu", 12, "Sun 22 Nov 3:00:00 pm +05:45"),
        ("2026-11-22T00:05:00Z", "UTC", 12, "Sun 22 Nov 12:05:00 am UTC"),
        ("2027-03-14T06:59:59Z", "America/New_York", 24, "Sun 14 Mar 2027 01:59:59 -05:00"),
        ("2027-03-14T07:00:00Z", "America/New_York", 24, "Sun 14 Mar 2027 03:00:00 -04:00"),
        ("2026-10-25T00:30:00Z", "Europe/Berlin", 24, "Sun 25 Oct 02:30:00 +02:00"),
        ("2026-10-25T01:30:00Z", "Europe/Berlin", 24, "Sun 25 Oct 02:30:00 +01:00"),
        ("9999-12-31T20:00:00Z", "Asia/Tokyo", 24, "Fri 31 Dec 9999 20:00:00 UTC"),
        ("0001-01-01T00:00:00Z", "America/New_York", 24, "Mon 1 Jan 0001 00:00:00 UTC"),
    ],
)
def test_an_instant_shows_the_offset_that_its_zone_has_then(
    instant: str, zone: str, hours: int, text: str
) -> None:
    found = times.absolute(datetime.fromisoformat(instant), ZoneInfo(zone), now=NOW, hours=hours)
    assert found == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "now"),
        (-0.9, "now"),
        (1, "in 1 s"),
        (-59, "59 s ago"),
        (60, "in 1 min"),
        (-3661, "1 h 1 min ago"),
        (3 * 3600 + 4 * 60, "in 3 h 4 min"),
        (86400, "in 1 d"),
        (-(86400 + 59), "1 d ago"),
        (61 * 86400, "in 61 d"),
    ],
)
def test_a_distance_has_two_units(seconds: float, text: str) -> None:
    assert times.relative(NOW + timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.34, "1.3 ms"),
        (-0.2, "-0.2 ms"),
        (250, "250 ms"),
        (8250.4, "8,250 ms"),
        (12_400, "12.4 s"),
        (185_000, "3 min 5 s"),
    ],
)
def test_a_duration_keeps_its_milliseconds_where_they_matter(value: float, text: str) -> None:
    assert times.milliseconds(value) == text
