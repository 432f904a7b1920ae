"""Times: spans and instants as people write and read them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wakecall.cli import times

NOW = datetime(2026, 11, 22, 9, 31, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("1w", 604_800), ("250ms", 0.25)],
)
def test_a_span_is_numbers_with_units(text: str, seconds: float) -> None:
    assert times.parse_span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "10", "m", "1x", "-1h", "1h 30m", "9" * 30 + "s", "99999w", "2h" * 51]
)
def test_other_texts_are_not_spans(text: str) -> None:
    with pytest.raises(ValueError, match=r"span|long|years"):
        times.parse_span(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-22T10:31:00+01:00", NOW),
        ("2026-11-22T10:31", NOW),
        ("2026-11-22", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        ("2026-11-22T09:31:00Z", NOW),
    ],
)
def test_a_time_without_an_offset_is_one_of_the_zone(text: str, instant: datetime) -> None:
    assert times.parse_instant(text, BERLIN) == instant


@pytest.mark.parametrize(
    ("text", "rules", "hour"),
    [
        ("2026-10-25T02:30", {}, 1),
        ("2026-10-25T02:30", {"on_overlap": "second"}, 1),
        ("2026-10-25T02:30", {"on_overlap": "first"}, 0),
        ("2026-10-25T03:30", {"on_overlap": "first"}, 2),
        ("2026-10-25T02:30+02:00", {"on_overlap": "second"}, 0),
    ],
)
@pytest.mark.parametrize("is_of_machine", [False, True])
def test_of_a_time_that_occurs_twice_the_rule_chooses_one(
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    rules: dict[str, str],
    hour: int,
    *,
    is_of_machine: bool,
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Europe/Berlin")
        time.tzset()
        found = times.parse_instant(text, None if is_of_machine else BERLIN, **rules)
    time.tzset()
    assert found == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="first or second"):
        times.parse_instant(text, BERLIN, on_overlap="both")


@pytest.mark.parametrize(
    "text", ["2026-03-29T02:00", "2026-03-29T02:30:00.5", "2026-03-29T02:59:59"]
)
def test_a_time_that_does_not_exist_may_be_the_end_of_the_gap(text: str) -> None:
    found = times.parse_instant(text, BERLIN, on_gap="next")
    assert found == datetime(2026, 3, 29, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="does not exist"):
        times.parse_instant(text, BERLIN, on_gap="skip")


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "2026-13-01", "2026-03-29T02:30", "0001-01-01"),
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_a_time_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an instant|does not exist|out of range"):
        times.parse_instant(text, BERLIN)


def test_an_instant_that_a_zone_shows_after_the_last_year_is_shown_in_utc() -> None:
    last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    for shown in (times.iso_in, times.clock, times.exact_clock):
        assert shown(last, ZoneInfo("Asia/Tokyo")) == shown(last, UTC)
    assert times.day_and_time(last, ZoneInfo("Asia/Tokyo"), NOW).startswith("Fri 31 Dec 9999")


def test_an_age_lies_back_and_a_span_ahead() -> None:
    assert times.parse_past("2h", None, NOW) == NOW - timedelta(hours=2)
    assert times.parse_future("2h", None, NOW) == NOW + timedelta(hours=2)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (10, "in 10 s"),
        (-90, "90 s ago"),
        (90 * 60, "in 90 min"),
        (7200, "in 2 h"),
        (82_800, "in 23 h"),
        (4 * 86_400, "in 4 days"),
    ],
)
def test_distances_are_in_a_large_unit(seconds: float, text: str) -> None:
    assert times.distance(NOW + timedelta(seconds=seconds), NOW) == text


def test_an_instant_is_shown_with_its_offset_and_the_year_if_it_is_another() -> None:
    assert times.day_and_time(NOW, BERLIN, NOW) == "Sun 22 Nov 10:31:00 +01:00"
    later = NOW + timedelta(days=90)
    assert times.day_and_time(NOW, UTC, later) == "Sun 22 Nov 2026 09:31:00 +00:00"
    assert times.exact_clock(NOW.replace(microsecond=1900), BERLIN) == "10:31:00.0019"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.93, "1.9 ms"), (12.4, "12 ms"), (3210.0, "3.2 s"), (61_000.0, "61 s")],
)
def test_durations_have_two_figures(value: float, text: str) -> None:
    assert times.milliseconds(value) == text
