"""Local clocks: the right firings on every clock, with every rule for its changes."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import quartz, zones
from app.domain.clocks import OnGap, OnOverlap, clock
from tests.domain.quartz.expressions import Both, instants, schedules
from tests.domain.quartz.reference import firings, utc
from tests.worst import is_fast

RULES = list(product(OnGap, OnOverlap))
QUARTZ = (OnGap.SKIP, OnOverlap.SECOND)

# Whole hours, half an hour, two hours, midnight, a day left out, three hours, seconds.
CHANGES = [
    ("America/New_York", utc(2026, 3, 8, 7)),
    ("America/New_York", utc(2026, 11, 1, 6)),
    ("Europe/London", utc(2027, 3, 28, 1)),
    ("Europe/London", utc(2026, 10, 25, 1)),
    ("Australia/Lord_Howe", utc(2026, 10, 3, 15, 30)),
    ("Australia/Lord_Howe", utc(2026, 4, 4, 15)),
    ("Antarctica/Troll", utc(2026, 3, 29, 1)),
    ("Antarctica/Troll", utc(2026, 10, 25, 1)),
    ("Pacific/Apia", utc(2011, 12, 30, 10)),
    ("Pacific/Kwajalein", utc(1993, 8, 21, 12)),
    ("America/Sao_Paulo", utc(2018, 11, 4, 3)),
    ("America/Sao_Paulo", utc(2018, 2, 18, 2)),
    ("Africa/Cairo", utc(2027, 4, 29, 22)),
    ("Africa/Cairo", utc(2026, 10, 29, 21)),
    ("Asia/Beirut", utc(2027, 3, 27, 22)),
    ("Asia/Beirut", utc(2026, 10, 24, 21)),
    ("Pacific/Chatham", utc(2026, 9, 26, 14)),
    ("Pacific/Chatham", utc(2027, 4, 3, 14)),
    ("Antarctica/Casey", utc(2010, 3, 4, 15)),
    ("Africa/Casablanca", utc(2027, 2, 7, 2)),
    ("Asia/Kathmandu", utc(1985, 12, 31, 18, 30)),
    ("Asia/Kolkata", utc(2026, 6, 1)),
]


def parts(minutes: set[int], hours: set[int]) -> str:
    return f"0 {','.join(map(str, minutes))} {','.join(map(str, hours))} * * ?"


@settings(deadline=None, max_examples=400)
@given(
    st.sampled_from(CHANGES),
    st.sampled_from(RULES),
    st.sets(st.integers(0, 59), min_size=1, max_size=5),
    st.sets(st.integers(0, 23), min_size=1),
    st.timedeltas(timedelta(hours=-5), timedelta(hours=5)),
)
def test_every_minute_that_passes_around_a_change_is_judged_right(
    change: tuple[str, datetime],
    rules: tuple[OnGap, OnOverlap],
    minutes: set[int],
    hours: set[int],
    distance: timedelta,
) -> None:
    on = clock(change[0], *rules)
    expected = firings(
        lambda wall: wall.minute in minutes and wall.hour in hours,
        on.zone.info,
        rules,
        change[1] - timedelta(hours=6),
        90 * 60,
    )
    after = change[1] + distance
    schedule = quartz.parse(parts(minutes, hours))
    coming = expected[bisect_right(expected, after) :][:20]
    for following in coming:
        after = quartz.next_after_on(on, schedule, after)  # type: ignore[assignment] # fails below
        assert after == following
    assert coming


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(zones.names())),
    st.sampled_from(RULES),
    st.data(),
    st.sets(st.integers(0, 59), min_size=1, max_size=3),
    st.sets(st.integers(0, 4) | st.integers(0, 23), min_size=1, max_size=6),
)
def test_every_zone_is_judged_right_around_any_of_its_changes(
    name: str,
    rules: tuple[OnGap, OnOverlap],
    data: st.DataObject,
    minutes: set[int],
    hours: set[int],
) -> None:
    on = clock(name, *rules)
    changes = on.zone.changes or [1_800_000_000]
    change = datetime.fromtimestamp(changes[data.draw(st.integers(0, len(changes) - 1))], UTC)
    begin = change.replace(second=0) - timedelta(hours=27)
    if begin.astimezone(on.zone.info).second or change.second:
        # Clocks that are not at whole minutes from UTC are tested by themselves.
        return
    expected = firings(
        lambda wall: wall.minute in minutes and wall.hour in hours,
        on.zone.info,
        rules,
        begin,
        54 * 60,
    )
    found = []
    following = quartz.next_after_on(on, quartz.parse(parts(minutes, hours)), begin)
    while following is not None and following < begin + timedelta(hours=54):
        found.append(following)
        following = quartz.next_after_on(on, quartz.parse(parts(minutes, hours)), following)
    assert found == [each for each in expected if each > begin]


@settings(deadline=None)
@given(schedules(), instants(2021, 2060), st.sampled_from(["Asia/Kolkata", "Asia/Tokyo"]))
def test_croniter_agrees_on_a_clock_that_never_changes(
    both: Both, base: datetime, name: str
) -> None:
    on = clock(name, *QUARTZ)
    found = quartz.next_after_on(on, quartz.parse(both.quartz), base)
    if found is None or found.year > 2098:
        return
    local = base.astimezone(on.zone.info)
    reference = croniter(
        both.croniter, local, second_at_beginning=True, max_years_between_matches=100
    )
    assert found == reference.get_next(datetime)


@settings(deadline=None)
@given(schedules(), instants(1970, 2199), st.sampled_from(RULES))
def test_the_clock_of_utc_shows_utc(
    both: Both, base: datetime, rules: tuple[OnGap, OnOverlap]
) -> None:
    schedule = quartz.parse(both.quartz)
    for name in ("UTC", "Etc/GMT"):
        expected = quartz.next_after(schedule, base)
        assert quartz.next_after_on(clock(name, *rules), schedule, base) == expected


GAP, OVERLAP = utc(2027, 3, 14, 7), utc(2026, 11, 1, 6)


@pytest.mark.parametrize(
    ("expression", "name", "rules", "after", "expected"),
    [
        # A gap: skipped, or moved to its end, once however many times lie in it.
        ("0 30 2 * * ?", "America/New_York", "skip second", (2027, 3, 14), [(2027, 3, 15, 6, 30)]),
        (
            "0 30 2 * * ?",
            "America/New_York",
            "next second",
            (2027, 3, 14),
            [(2027, 3, 14, 7), (2027, 3, 15, 6, 30)],
        ),
        (
            "0 0/20 2,3 * * ?",
            "America/New_York",
            "next second",
            (2027, 3, 14),
            [(2027, 3, 14, 7), (2027, 3, 14, 7, 20)],
        ),
        # An overlap: the first showing, the second, or both.
        (
            "0 30 1 * * ?",
            "America/New_York",
            "skip first",
            (2026, 11, 1),
            [(2026, 11, 1, 5, 30), (2026, 11, 2, 6, 30)],
        ),
        (
            "0 30 1 * * ?",
            "America/New_York",
            "skip second",
            (2026, 11, 1),
            [(2026, 11, 1, 6, 30), (2026, 11, 2, 6, 30)],
        ),
        (
            "0 0/30 1 * * ?",
            "America/New_York",
            "skip both",
            (2026, 11, 1),
            [
                (2026, 11, 1, 5),
                (2026, 11, 1, 5, 30),
                (2026, 11, 1, 6),
                (2026, 11, 1, 6, 30),
                (2026, 11, 2, 6),
            ],
        ),
        # Half an hour.
        (
            "0 45 1 * * ?",
            "Australia/Lord_Howe",
            "skip both",
            (2027, 4, 3),
            [(2027, 4, 3, 14, 45), (2027, 4, 3, 15, 15)],
        ),
        # A day that was left out.
        ("0 0 12 30 12 ?", "Pacific/Apia", "skip second", (2011, 12, 1), [(2012, 12, 29, 22)]),
        (
            "0 0 12 30 12 ?",
            "Pacific/Apia",
            "next second",
            (2011, 12, 1),
            [(2011, 12, 30, 10), (2012, 12, 29, 22)],
        ),
        # Midnight that does not exist.
        (
            "0 0 0 4 11 ?",
            "America/Sao_Paulo",
            "skip second",
            (2018, 11, 1),
            [(2019, 11, 4, 3)],
        ),
        (
            "0 0 0 4 11 ?",
            "America/Sao_Paulo",
            "next second",
            (2018, 11, 1),
            [(2018, 11, 4, 3), (2019, 11, 4, 3)],
        ),
        # Monrovia was 44 minutes and 30 seconds behind until 7 January 1972, when they were cut.
        (
            "0 0/20 * * * ?",
            "Africa/Monrovia",
            "skip second",
            (1972, 1, 7, 0, 20),
            [(1972, 1, 7, 0, 24, 30), (1972, 1, 7, 1), (1972, 1, 7, 1, 20)],
        ),
        (
            "30 5 0 7 1 ?",
            "Africa/Monrovia",
            "next second",
            (1972, 1, 1),
            [(1972, 1, 7, 0, 44, 30), (1973, 1, 7, 0, 5, 30)],
        ),
        # The last firing of all lies in an hour shown twice.
        (
            "0 30 1 1 11 ? 2026",
            "America/New_York",
            "skip both",
            (2026, 1, 1),
            [(2026, 11, 1, 5, 30), (2026, 11, 1, 6, 30), None],
        ),
        ("0 30 2 14 3 ? 2027", "America/New_York", "skip both", (2026, 1, 1), [None]),
        ("0 30 2 ? 3 1#2 2007/1", "America/New_York", "skip both", (2026, 1, 1), [None]),
        (
            "0 0 12 1 1 ? 2027",
            "Pacific/Kiritimati",
            "skip both",
            (2026, 1, 1),
            [(2026, 12, 31, 22)],
        ),
        ("0 0 0 1 1 ? 1970", "Etc/GMT-14", "skip both", (1960, 1, 1), [(1969, 12, 31, 10), None]),
        ("0 0 23 31 12 ?", "Etc/GMT+12", "skip both", (2199, 6, 1), [(2200, 1, 1, 11), None]),
        ("* * * * * ?", "Europe/London", "skip both", (9999, 12, 31, 23, 59, 59), [None]),
    ],
)
def test_what_the_rules_mean(
    expression: str,
    name: str,
    rules: str,
    after: tuple[int, ...],
    expected: list[tuple[int, ...] | None],
) -> None:
    gap, overlap = rules.split()
    on, schedule = clock(name, OnGap(gap), OnOverlap(overlap)), quartz.parse(expression)
    found: datetime | None = utc(*after)
    for each in expected:
        assert found is not None
        found = quartz.next_after_on(on, schedule, found)
        assert found == (None if each is None else utc(*each))
        assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (timedelta(microseconds=-1), utc(2026, 11, 1, 6, 30)),
        (timedelta(0), utc(2026, 11, 2, 6, 30)),
        (timedelta(microseconds=1), utc(2026, 11, 2, 6, 30)),
    ],
)
def test_the_next_firing_is_strictly_later(fraction: timedelta, expected: datetime) -> None:
    on, schedule = clock("America/New_York", *QUARTZ), quartz.parse("0 30 1 * * ?")
    assert quartz.next_after_on(on, schedule, utc(2026, 11, 1, 6, 30) + fraction) == expected


@pytest.mark.parametrize(
    "expression", ["0 30 2 ? 3 1#2", "* 0-59 2 ? 3 1#2 2007-2199", "0 0 0 30 2 ?", "0 0 0 29 2 ?"]
)
@pytest.mark.parametrize("rules", RULES)
def test_no_expression_takes_fifty_milliseconds(
    expression: str, rules: tuple[OnGap, OnOverlap]
) -> None:
    schedule = quartz.parse(expression)
    on = clock("America/New_York", *rules)
    assert is_fast(lambda after: quartz.next_after_on(on, schedule, after), utc(2008, 1, 1))
