"""The next tick of a Dapr schedule: strictly after an instant, and as brute force finds it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import zones
from app.domain.clocks import instant as at_second
from app.domain.dapr.refusal import Refusal
from app.domain.dapr.schedule import DaprSchedule, from_document, next_after, to_document
from tests.domain.dapr.expressions import Expression, expressions
from tests.domain.quartz.reference import utc
from tests.worst import cpu_seconds, is_fast

BASE = utc(2026, 11, 22, 10, 14, 59)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MICRO = timedelta(microseconds=1)

ZONES = (
    "America/New_York",
    "Europe/Rome",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Pacific/Apia",
)


def instants(first_year: int = 2000, last_year: int = 2100) -> st.SearchStrategy[datetime]:
    return st.datetimes(
        datetime(first_year, 1, 1),  # noqa: DTZ001 - given its zone by the strategy
        datetime(last_year, 12, 31),  # noqa: DTZ001 - given its zone by the strategy
        timezones=st.just(UTC),
    )


def of(schedule: str, start: datetime = BASE, **more: datetime) -> DaprSchedule:
    return DaprSchedule(schedule=schedule, start=start, **more)


def within(ticks: DaprSchedule, after: datetime, end: datetime) -> list[datetime]:
    """The ticks after `after` and before `end`."""
    found, tick = list[datetime](), next_after(ticks, after)
    while tick is not None and tick < end:
        found.append(tick)
        tick = next_after(ticks, tick)
    return found


@settings(deadline=None, max_examples=40)
@given(expressions(), instants())
def test_every_second_looked_at_gives_the_same_ticks(drawn: Expression, base: datetime) -> None:
    base = base.replace(microsecond=0)
    seconds = [base + number * SECOND for number in range(1, 3600)]
    expected = [each for each in seconds if drawn.matches(each)]
    assert within(of(drawn.text, base), base, seconds[-1] + SECOND) == expected


@settings(deadline=None, max_examples=60)
@given(
    expressions(seconds=False, days=False),
    st.sampled_from(ZONES),
    st.integers(0, 400),
    st.sampled_from(["TZ", "CRON_TZ"]),
)
def test_every_minute_looked_at_around_a_change_of_the_clock_gives_the_same_ticks(
    drawn: Expression, zone: str, number: int, prefix: str
) -> None:
    changes = [each for each in zones.find(zone).changes if each >= 0]
    begin = at_second(changes[number % len(changes)]) - DAY
    begin, shown = begin.replace(second=0, microsecond=0), ZoneInfo(zone)
    minutes = [begin + number * MINUTE for number in range(1, 2 * 1440)]
    # A tick is whatever instant the clock shows a time at that matches: skipped times are at no
    # instant, and times shown twice are at two.
    expected = [each for each in minutes if drawn.matches(each.astimezone(shown))]
    found = within(of(f"{prefix}={zone} {drawn.text}", begin), begin, minutes[-1] + MINUTE)
    assert found == expected


@settings(deadline=None, max_examples=40)
@given(expressions(times=False, seconds=False), instants(1990, 2150))
def test_every_day_looked_at_gives_the_same_ticks(drawn: Expression, base: datetime) -> None:
    midnight = base.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight + number * DAY for number in range(1, 366 * 5)]
    expected = [each for each in days if drawn.has_day(each)]
    assert within(of(drawn.text, base), base, days[-1] + DAY) == expected


@settings(deadline=None)
@given(
    st.integers(1, 10**15),
    instants(),
    st.timedeltas(timedelta(), timedelta(days=3000)),
)
def test_the_ticks_of_an_interval_stand_at_its_multiples(
    period: int, start: datetime, elapsed: timedelta
) -> None:
    after = start + elapsed
    found = next_after(of(f"@every {period}ns", start), after)
    assert next_after(of(f"@every {period}ns", start, first=start), after) == found
    assert found is not None
    assert found > after
    # A microsecond is the least that two ticks are apart.
    step = max(period, 1000)
    number = (found - start) // MICRO * 1000 // step
    assert start + -(-number * step // 1000) * MICRO == found
    before = start + -(-(number - 1) * step // 1000) * MICRO
    assert number == 1 or before <= after


@settings(deadline=None)
@given(
    st.one_of(
        expressions().map(lambda drawn: drawn.text),
        st.builds(
            "CRON_TZ={} {}".format, st.sampled_from(ZONES), expressions().map(lambda e: e.text)
        ),
        st.builds("@every {}ms".format, st.integers(1, 10**9)),
    ),
    instants(),
    st.lists(st.timedeltas(timedelta(), timedelta(days=900)), min_size=2, max_size=5),
)
def test_later_is_never_sooner(schedule: str, start: datetime, times: list[timedelta]) -> None:
    found = [next_after(of(schedule, start), start + each) for each in sorted(times)]
    assert all(
        later is None or (earlier is not None and earlier <= later)
        for earlier, later in pairwise(found)
    )


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0 15 10 * * *", BASE, utc(2026, 11, 22, 10, 15)),
        ("0 15 10 * * *", utc(2026, 11, 22, 10, 15), utc(2026, 11, 23, 10, 15)),
        ("0 15 10 * * *", utc(2026, 11, 22, 10, 15, 0, 1), utc(2026, 11, 23, 10, 15)),
        # Nothing is before the start.
        ("0 15 10 * * *", utc(2020, 1, 1), utc(2026, 11, 22, 10, 15)),
        ("@every 1m", utc(2020, 1, 1), BASE + MINUTE),
        ("@every 1m", BASE + MINUTE - MICRO, BASE + MINUTE),
        ("@every 1m", BASE + MINUTE, BASE + 2 * MINUTE),
        # Rounded up, and from the start each time: a third of a second does not drift.
        ("@every 333333333ns", BASE, BASE + timedelta(microseconds=333_334)),
        ("@every 333333333ns", BASE + 900 * SECOND, BASE + timedelta(microseconds=900_333_333)),
        ("@every 0s", BASE, BASE + MICRO),
        ("@every -1h", BASE, BASE + MICRO),
        # The end of the calendar.
        ("@every 1h", utc(9999, 12, 31, 23, 30), None),
        ("0 0 0 * * *", utc(2199, 12, 31), None),
        ("CRON_TZ=Europe/Rome @daily", utc(2300, 1, 1), None),
        # A leap day that comes after eight years.
        ("0 0 0 29 2 *", utc(2096, 3, 1), utc(2104, 2, 29)),
        (", * * * * *", BASE, None),
        ("0 0 0 , * *", BASE, None),
        ("0 0 0 , * mon", BASE, utc(2026, 11, 23)),
    ],
)
def test_the_next_tick(schedule: str, after: datetime, expected: datetime | None) -> None:
    found = next_after(of(schedule), after)
    assert found == expected
    assert found is None or found.tzinfo is UTC


def test_the_due_time_is_a_tick_and_the_start_is_none() -> None:
    ticks = of("0 0 * * * *", BASE, first=BASE)
    assert next_after(ticks, BASE - MICRO) == BASE
    assert next_after(ticks, utc(1, 1, 1)) == BASE
    assert next_after(ticks, BASE) == utc(2026, 11, 22, 11)
    assert next_after(of("@every 1h"), BASE - MICRO) == BASE + 60 * MINUTE


def test_a_tick_at_the_end_counts_and_none_after_it() -> None:
    ticks = of("@every 1h", BASE, until=BASE + 120 * MINUTE)
    assert within(ticks, BASE, BASE + 10 * DAY) == [BASE + 60 * MINUTE, BASE + 120 * MINUTE]
    assert (
        next_after(of("@every 1h", BASE, until=BASE + 120 * MINUTE - MICRO), BASE + 90 * MINUTE)
        is None
    )
    only = of("@every 1h", BASE, first=BASE, until=BASE)
    assert within(only, BASE - DAY, BASE + DAY) == [BASE]


@settings(deadline=None)
@given(
    st.sampled_from(["@every 5m", "@daily", "CRON_TZ=Europe/Rome 0 0 9 * * *"]),
    instants(1, 9998),
    st.none() | instants(1, 9998),
)
def test_ticks_are_read_back_as_they_were_stored(
    schedule: str, start: datetime, until: datetime | None
) -> None:
    for first in (None, start):
        ticks = DaprSchedule(schedule=schedule, start=start, first=first, until=until)
        document = to_document(ticks)
        assert document["kind"] == "ticks"
        assert all(isinstance(each, str) for each in document.values())
        assert from_document(document) == ticks


def test_what_is_stored() -> None:
    start = utc(2026, 11, 22, 10, 14, 59, 250_000)
    ticks = DaprSchedule(schedule="@hourly", start=start, first=start, until=utc(2027, 1, 1))
    assert to_document(ticks) == {
        "kind": "ticks",
        "schedule": "@hourly",
        "start": "2026-11-22T10:14:59.25Z",
        "first": "2026-11-22T10:14:59.25Z",
        "until": "2027-01-01T00:00:00Z",
    }
    assert to_document(of("@daily")) == {
        "kind": "ticks",
        "schedule": "@daily",
        "start": "2026-11-22T10:14:59Z",
    }


def test_a_schedule_that_cannot_be_read_is_reported() -> None:
    with pytest.raises(Refusal) as refusal:
        next_after(of("* * * * *"), BASE)
    assert refusal.value.member == "schedule"


@pytest.mark.parametrize(
    "schedule",
    [
        "0 0 0 30 2 *",
        "CRON_TZ=America/New_York 0 0 0 30 2 *",
        "CRON_TZ=America/New_York 59 59 23 29 2 *",
        "*,*,*,*,*,*,*,*/2,1-59/3 * * * * *",
        ",".join(["*/7"] * 61) + " * * * * *",
        "@every 1ns",
        "@every 2562047h47m16.854775807s",
    ],
)
def test_no_schedule_takes_long(schedule: str) -> None:
    days = count()

    def ask(start: datetime) -> object:
        return next_after(of(schedule, start), BASE + next(days) * DAY)

    # The first may read the schedule, and load the zone.
    assert cpu_seconds(ask, utc(1, 1, 1)) < 0.5
    assert is_fast(ask, utc(1, 1, 1), 0.005)
