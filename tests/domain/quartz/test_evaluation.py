"""Evaluation: the right firing, strictly after or before; None when none is left."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from croniter import CroniterBadDateError, croniter
from hypothesis import given, settings

from app.domain import quartz
from app.domain.quartz.evaluation import last_wall
from tests.domain.quartz.expressions import Both, instants, schedules

SATURDAY = 5


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year to microsecond


@settings(deadline=None)
@given(schedules(), instants(2021, 2060))
def test_croniter_agrees_wherever_it_understands_the_expression(both: Both, base: datetime) -> None:
    schedule = quartz.parse(both.quartz)
    reference = croniter(
        both.croniter, base, second_at_beginning=True, max_years_between_matches=100
    )
    after = base
    for _ in range(3):
        found = quartz.next_after(schedule, after)
        try:
            expected = reference.get_next(datetime)
        except CroniterBadDateError:
            # croniter's years end with 2099.
            assert found is None or found.year > 2099
            return
        assert found == expected
        after = found


def last_of(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def nearest_weekday(day: date, target: int) -> bool:
    """Whether `day` is the weekday closest to the `target`th of its own month."""
    if target > last_of(day):
        return False
    weekdays = [
        number
        for number in range(1, last_of(day) + 1)
        if day.replace(day=number).weekday() < SATURDAY
    ]
    return day.day == min(weekdays, key=lambda number: abs(number - target))


RULES: list[tuple[str, Callable[[date], bool]]] = [
    ("LW * ?", lambda day: nearest_weekday(day, last_of(day))),
    ("L * ?", lambda day: day.day == last_of(day)),
    ("L-0 * ?", lambda day: day.day == last_of(day)),
    ("L-3 * ?", lambda day: day.day == last_of(day) - 3),
    ("L-30 * ?", lambda day: day.day == last_of(day) - 30),
    ("L-2W * ?", lambda day: nearest_weekday(day, last_of(day) - 2)),
    ("L-29W * ?", lambda day: last_of(day) > 29 and nearest_weekday(day, last_of(day) - 29)),
    ("1W * ?", lambda day: nearest_weekday(day, 1)),
    ("15W * ?", lambda day: nearest_weekday(day, 15)),
    ("29W * ?", lambda day: nearest_weekday(day, 29)),
    ("30W * ?", lambda day: nearest_weekday(day, 30)),
    ("31W * ?", lambda day: nearest_weekday(day, 31)),
    ("15,L * ?", lambda day: day.day in (15, last_of(day))),
    ("1W,15W * ?", lambda day: nearest_weekday(day, 1) or nearest_weekday(day, 15)),
    ("L-3,LW * ?", lambda day: day.day == last_of(day) - 3 or nearest_weekday(day, last_of(day))),
    ("31W,30 * ?", lambda day: nearest_weekday(day, 31) or day.day == 30),
    ("? * 6L", lambda day: day.weekday() == 4 and day.day > last_of(day) - 7),
    ("? * SUN#5", lambda day: day.weekday() == 6 and day.day > 28),
    ("29-31 * ?", lambda day: day.day >= 29),
    ("? 2,8 MON-WED", lambda day: day.month in (2, 8) and day.weekday() < 3),
]


@pytest.mark.parametrize(("days", "matches"), RULES, ids=[days for days, _ in RULES])
def test_every_date_of_a_calendar_cycle_is_judged_right(
    days: str, matches: Callable[[date], bool]
) -> None:
    first, cycle = date(2072, 1, 1), 32 * 366
    dates = [first + timedelta(days=number) for number in range(cycle)]
    expected = [day for day in dates if matches(day)]
    schedule = quartz.parse(f"0 0 12 {days}")
    found = []
    following = quartz.next_after(schedule, utc(2071, 12, 31, 23))
    while following is not None and following.date() <= dates[-1]:
        found.append(following.date())
        following = quartz.next_after(schedule, following)
    assert found == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (utc(2026, 11, 22, 10, 14, 59, 999_999), utc(2026, 11, 22, 10, 15)),
        (utc(2026, 11, 22, 10, 15), utc(2026, 11, 23, 10, 15)),
        (utc(2026, 11, 22, 10, 15, 0, 1), utc(2026, 11, 23, 10, 15)),
        (utc(1, 1, 1), utc(1970, 1, 1, 10, 15)),
        (utc(2199, 12, 31, 10, 15), None),
        (utc(9999, 12, 31, 23, 59, 59, 999_999), None),
        (
            datetime(2026, 11, 22, 12, 15, tzinfo=timezone(timedelta(hours=2))),
            utc(2026, 11, 23, 10, 15),
        ),
    ],
)
def test_the_next_firing_is_strictly_later(after: datetime, expected: datetime | None) -> None:
    found = quartz.next_after(quartz.parse("0 15 10 * * ?"), after)
    assert found == expected
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 0 30 2 ?",
        "0 0 0 31 2,4,6,9,11 ?",
        "* * * L-30 2 ?",
        "0 0 0 29 2 ? 2029-2031",
        "0 0 0 ? 2 MON#5 2030-2040",
        "0 0 0 1 1 ? 2026",
        "* * * * * ? 1970-2025",
    ],
)
def test_an_expression_without_a_future_gives_none(expression: str) -> None:
    assert quartz.next_after(quartz.parse(expression), utc(2026, 11, 22)) is None


@settings(deadline=None)
@given(schedules(), instants(1990, 2150))
def test_between_a_firing_and_the_one_before_the_next_there_is_none(
    both: Both, base: datetime
) -> None:
    schedule = quartz.parse(both.quartz)
    found = quartz.next_after(schedule, base)
    wall = (found or utc(2199, 12, 31, 23, 59, 59) + timedelta(seconds=1)).replace(tzinfo=None)
    before = last_wall(schedule, wall)
    assert before is None or before <= base.replace(tzinfo=None)
    if before is not None:
        back = quartz.next_after(schedule, before.replace(tzinfo=UTC) - timedelta(seconds=1))
        assert back == before.replace(tzinfo=UTC)
        assert quartz.next_after(schedule, before.replace(tzinfo=UTC)) == found
    elif found is not None:
        assert quartz.next_after(schedule, utc(1969, 1, 1)) == found
