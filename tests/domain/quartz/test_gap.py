"""Gap: the smallest number of seconds between firings, exact and without walking them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import quartz
from app.domain.quartz import gap

BASE = datetime(2026, 11, 22, tzinfo=UTC)

few = st.sets(st.integers(0, 59), min_size=1, max_size=2)
days = st.one_of(
    st.sets(st.integers(1, 31), min_size=1, max_size=3).map(lambda chosen: (listed(chosen), "?")),
    st.sampled_from(["L", "LW", "L-3", "1W", "31W", "*"]).map(lambda rule: (rule, "?")),
    st.sampled_from(["2", "1,7", "6L", "3#1", "3#5", "MON-FRI"]).map(lambda rule: ("?", rule)),
)


def listed(values: set[int]) -> str:
    return ",".join(map(str, sorted(values)))


def walked(schedule: quartz.Schedule) -> int | None:
    found = []
    following = quartz.next_after(schedule, BASE)
    while following is not None:
        found.append(following)
        following = quartz.next_after(schedule, following)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(found)]
    return int(min(gaps)) if gaps else None


@settings(deadline=None)
@given(
    few,
    few,
    st.sets(st.integers(0, 23), min_size=1, max_size=2),
    days,
    st.sets(st.integers(1, 12), min_size=1, max_size=4),
    st.sets(st.integers(2026, 2030), min_size=1, max_size=3),
    st.integers(1, 86400),
)
def test_walking_every_firing_finds_the_same_gap(
    seconds: set[int],
    minutes: set[int],
    hours: set[int],
    day_fields: tuple[str, str],
    months: set[int],
    years: set[int],
    limit: int,
) -> None:
    expression = " ".join(
        [
            listed(seconds),
            listed(minutes),
            listed(hours),
            day_fields[0],
            listed(months),
            day_fields[1],
            listed(years),
        ]
    )
    schedule = quartz.parse(expression)
    gap = walked(schedule)
    assert quartz.minimum_gap(schedule, after=BASE) == gap
    for bound in (limit, gap or limit, (gap or limit) + 1):
        below = gap if gap is not None and gap < bound else None
        assert quartz.gap_below(schedule, bound, after=BASE) == below


@pytest.mark.parametrize(
    ("expression", "gap"),
    [
        ("* * * * * ?", 1),
        ("0 0/10 * * * ?", 600),
        ("0 0,55 0,23 1,29 2,3 ?", 300),
        ("0 0,55 0,23 2/2 * ?", 3300),
        ("0 0 0 29 2 ?", 4 * 365 * 86400 + 86400),
        ("0 0 0 31 12 ? 2030", None),
        ("0 0 0 30 2 ?", None),
    ],
)
def test_the_gap_of_a_whole_expression(expression: str, gap: int | None) -> None:
    assert quartz.minimum_gap(quartz.parse(expression)) == gap


def test_dates_that_have_passed_do_not_count() -> None:
    schedule = quartz.parse("0 0,55 0,23 1,31 7,8 ? 2026,2027")
    assert quartz.minimum_gap(schedule, after=datetime(2027, 6, 1, tzinfo=UTC)) == 300
    assert quartz.minimum_gap(schedule, after=datetime(2027, 8, 2, tzinfo=UTC)) == 3300
    assert quartz.minimum_gap(schedule, after=datetime(2027, 8, 31, 23, 55, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("first", "last", "closest"),
    [
        (date(2026, 12, 31), date(2027, 1, 1), 1),
        (date(2026, 12, 31), date(2026, 12, 31), None),
        (date(2027, 1, 1), date(2027, 12, 30), 30),
        (date(2027, 1, 1), date(2028, 1, 31), 1),
        (date(2026, 12, 1), date(2027, 1, 1), 1),
        (date(2027, 1, 31), date(2027, 12, 31), 30),
        (date(2027, 1, 31), date(2027, 12, 1), 304),
        (date(2027, 1, 1), date(2027, 1, 30), None),
        (date(2027, 12, 31), date(2028, 12, 31), 1),
    ],
)
def test_the_closest_dates_between_two(first: date, last: date, closest: int | None) -> None:
    schedule = quartz.parse("0 0 12 1,31 1,12 ?")
    assert gap.closest_dates(schedule, first, last) == closest


def test_dates_after_the_last_do_not_count() -> None:
    schedule = quartz.parse("0 0 12 1,2 12 ?")
    assert gap.closest_dates(schedule, date(2027, 12, 2), date(2028, 12, 1)) == 365
    assert gap.closest_dates(schedule, date(2027, 12, 2), date(2028, 12, 2)) == 1
