"""Local gap: the smallest number of seconds between firings on any clock, exact, never walked."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import clocks, quartz
from app.domain.clocks import Clock, OnGap, OnOverlap, clock
from app.domain.quartz import local_gap
from tests.domain.quartz.reference import MINUTE, closest, utc
from tests.domain.quartz.test_gap import listed
from tests.worst import is_fast

BASE = utc(2026, 11, 22, 5, 30)
RULES = list(product(OnGap, OnOverlap))
ZONES = [
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Havana",
    "Asia/Beirut",
    "Asia/Gaza",
    "Pacific/Chatham",
    "Asia/Kathmandu",
]
days = st.one_of(
    st.sets(st.integers(1, 31), min_size=1, max_size=3).map(lambda chosen: (listed(chosen), "?")),
    st.sampled_from(["L", "LW", "*", "14", "31", "29", "13,14"]).map(lambda rule: (rule, "?")),
    st.sampled_from(["1", "1L", "1#2", "1#1", "6L", "2", "SAT,SUN"]).map(lambda rule: ("?", rule)),
)
near_changes = st.sampled_from([0, 1, 2, 3, 23]) | st.integers(0, 23)


def begins(on: Clock, first: datetime) -> datetime:
    """When the clock first shows the date it shows at `first`."""
    date, found = first.astimezone(on.zone.info).date(), first
    for minutes in range(30 * 60):
        earlier = first - minutes * MINUTE - timedelta(seconds=first.second)
        if earlier.astimezone(on.zone.info).date() == date:
            found = earlier
    return found


def walked(on: Clock, schedule: quartz.Schedule, base: datetime) -> int | None:
    first = quartz.next_after_on(on, schedule, base)
    if first is None:
        return None
    found = []
    following = quartz.next_after_on(on, schedule, begins(on, first) - timedelta(seconds=1))
    while following is not None:
        found.append(following)
        following = quartz.next_after_on(on, schedule, following)
    return closest(found)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(RULES),
    st.tuples(
        st.sets(st.integers(0, 59), min_size=1, max_size=2),
        st.sets(
            st.sampled_from([0, 1, 5, 30, 55, 59]) | st.integers(0, 59), min_size=1, max_size=2
        ),
        st.sets(near_changes, min_size=1, max_size=3),
    ),
    days,
    st.sets(st.sampled_from([3, 4, 10, 11]) | st.integers(1, 12), min_size=1, max_size=3),
    st.sets(st.integers(2026, 2029), min_size=1, max_size=2),
    st.integers(1, 7200),
)
def test_walking_every_firing_finds_the_same_gap(
    name: str,
    rules: tuple[OnGap, OnOverlap],
    times: tuple[set[int], set[int], set[int]],
    day_fields: tuple[str, str],
    months: set[int],
    years: set[int],
    limit: int,
) -> None:
    clock_fields = " ".join(map(listed, times))
    dates = f"{day_fields[0]} {listed(months)} {day_fields[1]} {listed(years)}"
    on, schedule = clock(name, *rules), quartz.parse(f"{clock_fields} {dates}")
    gap = walked(on, schedule, BASE)
    found = quartz.closest_on(on, schedule, after=BASE)
    assert (found and found.seconds) == gap
    for bound in (limit, gap or limit, (gap or limit) + 1):
        below = quartz.closest_on_below(on, schedule, bound, after=BASE)
        assert (below and below.seconds) == (gap if gap is not None and gap < bound else None)


NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("expression", "name", "rules", "gap", "change"),
    [
        ("0 0 * * * ?", NEW_YORK, "next both", 3600, None),
        ("0 0/10 * * * ?", NEW_YORK, "next both", 600, None),
        ("0 15 10 * * ?", NEW_YORK, "skip second", 82800, utc(2027, 3, 14, 7)),
        # The hour between that is cut out.
        ("0 1,59 1,3 * * ?", NEW_YORK, "skip second", 120, utc(2027, 3, 14, 7)),
        ("0 1,59 1,3 ? * MON", NEW_YORK, "skip second", 3480, None),
        # A time moved to the end of the gap comes close to the one after it, or before it.
        ("0 5/10 * * * ?", NEW_YORK, "skip second", 600, None),
        ("0 5/10 * * * ?", NEW_YORK, "next second", 300, utc(2027, 3, 14, 7)),
        ("0 58 1,2 * * ?", NEW_YORK, "next second", 120, utc(2027, 3, 14, 7)),
        # The last of the first showing comes close to the first of the second.
        ("0 1,59 1 * * ?", NEW_YORK, "skip first", 3480, None),
        ("0 1,59 1 * * ?", NEW_YORK, "skip both", 120, utc(2027, 11, 7, 6)),
        ("0 30 1 * * ?", NEW_YORK, "skip both", 3600, utc(2027, 11, 7, 6)),
        ("0 45 1 * * ?", "Australia/Lord_Howe", "skip both", 1800, utc(2027, 4, 3, 15)),
        # All firings but one lie in gaps, or those that are close do.
        ("0 30 2 14,15 3 ? 2027", NEW_YORK, "skip second", None, None),
        ("0 30 2 14,15 3 ? 2027", NEW_YORK, "next second", 84600, utc(2027, 3, 14, 7)),
        ("0 0,5 2 14 3 ? 2027", NEW_YORK, "next second", None, None),
        ("0 0,5 1,2 14 3 ? 2027", NEW_YORK, "skip second", 300, None),
        ("0 0,5 2,8 14 3 ? 2027", NEW_YORK, "skip second", 300, None),
        ("0 0,5 2 14,15 3 ? 2027", NEW_YORK, "skip second", 300, None),
        ("0 59 1,2 ? 3 1#2", NEW_YORK, "skip second", 364 * 86400, None),
        ("0 0 12 1 1 ? 2027", NEW_YORK, "next both", None, None),
        ("0 0 0 30 2 ?", NEW_YORK, "next both", None, None),
    ],
)
def test_the_gap_of_a_whole_expression(
    expression: str, name: str, rules: str, gap: int | None, change: datetime | None
) -> None:
    on_gap, on_overlap = rules.split()
    on = clock(name, OnGap(on_gap), OnOverlap(on_overlap))
    found = quartz.closest_on(on, quartz.parse(expression), after=BASE)
    assert (found and found.seconds) == gap
    if gap is not None and gap < 365 * 86400 // 2:
        assert found == quartz.Gap(seconds=gap, change=change)


def test_one_time_a_day_shown_twice_may_be_too_close_to_itself() -> None:
    on = clock("Australia/Lord_Howe", OnGap.SKIP, OnOverlap.BOTH)
    schedule = quartz.parse("0 45 1 * * ?")
    below = quartz.closest_on_below(on, schedule, 1801, after=BASE)
    assert below == quartz.Gap(seconds=1800, change=utc(2027, 4, 3, 15))
    assert quartz.closest_on_below(on, schedule, 1800, after=BASE) is None


def test_dates_and_changes_that_have_passed_do_not_count() -> None:
    on = clock(NEW_YORK, OnGap.SKIP, OnOverlap.SECOND)
    schedule = quartz.parse("0 1,59 1,3 * * ? 2027")
    found = quartz.closest_on(on, schedule, after=utc(2027, 3, 14, 7, 30))
    assert found == quartz.Gap(seconds=120, change=utc(2027, 3, 14, 7))
    found = quartz.closest_on(on, schedule, after=utc(2027, 3, 15, 5))
    assert found == quartz.Gap(seconds=3480)


def test_a_date_without_midnight_begins_with_the_change() -> None:
    on = clock("Asia/Beirut", OnGap.SKIP, OnOverlap.SECOND)
    schedule = quartz.parse("0 0,5 1 28 3 ? 2027")
    found = quartz.closest_on(on, schedule, after=utc(2027, 3, 27, 22, 1))
    assert found == quartz.Gap(seconds=300)
    assert clocks.piece(on, clocks.index_at(on, 0)).offset == 7200


EVERY_OTHER = ",".join(map(str, [*range(0, 57, 2), 59]))


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * * ?",
        "0 0 * * * ?",
        "0 30 2 ? 3 1#2",
        f"{EVERY_OTHER} {EVERY_OTHER} 2 ? 3 1#2",
        f"{EVERY_OTHER} {EVERY_OTHER} 1,3 ? 3,11 1#2 2027-2199",
        "0 0 0 29 2 ?",
        "0 0 12 ? 2 1#5",
        "0 0 2 8/2 3 ?",
        "0 0 2 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29 * ?",
        "0 0 0 30 2 ?",
    ],
)
@pytest.mark.parametrize("name", [NEW_YORK, "Asia/Gaza", "Africa/Casablanca", "UTC"])
def test_no_expression_takes_fifty_milliseconds_to_judge(expression: str, name: str) -> None:
    schedule, on = quartz.parse(expression), clock(name, OnGap.NEXT, OnOverlap.BOTH)
    assert is_fast(lambda after: quartz.closest_on(on, schedule, after=after), utc(1970, 1, 1))


def test_a_first_firing_that_was_moved_to_the_change_its_date_begins_with_counts() -> None:
    # On 30 April 2027 the clock of Cairo goes from 00:00 to 01:00, at the end of 30 October back.
    schedule = quartz.parse("0 0 0 L 4,10 ? 2027")
    on = clock("Africa/Cairo", OnGap.NEXT, OnOverlap.FIRST)
    found = quartz.closest_on(on, schedule, after=BASE)
    assert found is not None
    assert found.seconds == walked(on, schedule, BASE)


@pytest.mark.parametrize("expression", ["0 0,30 * * * ?", "0 7 1,2 * * ?", "0 58 1,3 1 1 ?"])
@pytest.mark.parametrize("name", ["Asia/Gaza", "Europe/Berlin", NEW_YORK])
def test_what_is_far_apart_is_cleared_without_a_look_at_every_change(
    expression: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bulk of 1,000 such jobs took 6.5 s to check."""
    monkeypatch.setattr(local_gap, "closest_on", None)
    on = clock(name, OnGap.SKIP, OnOverlap.SECOND)
    assert quartz.closest_on_below(on, quartz.parse(expression), 600, after=BASE) is None
