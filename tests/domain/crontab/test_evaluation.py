"""Evaluation: crontab expressions fire when cron runs its commands; croniter is the check."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, pairwise, takewhile

import pytest
from croniter import CroniterBadDateError, croniter
from hypothesis import given, settings

from app.domain import crontab, quartz
from app.domain.clocks import OnGap, OnOverlap, clock
from app.domain.preview import firings
from tests.domain.crontab.expressions import Expression, expressions
from tests.domain.quartz.expressions import instants
from tests.domain.quartz.reference import firings as walked
from tests.domain.quartz.reference import utc
from tests.worst import is_fast

BASE = utc(2026, 11, 1)
"""A Sunday."""


def listed(expression: str, after: datetime, count: int) -> list[datetime]:
    schedule = crontab.parse(expression)
    return list(islice(firings(lambda each: quartz.next_after(schedule, each), after), count))


@settings(deadline=None, max_examples=1000)
@given(expressions(), instants(2021, 2060))
def test_croniter_agrees(drawn: Expression, base: datetime) -> None:
    reference = croniter(
        drawn.for_croniter(),
        base,
        day_or=drawn.is_one_day_enough,
        max_years_between_matches=100,
    )
    found = listed(drawn.text, base, 4)
    for firing in found:
        assert firing == reference.get_next(datetime)
    if not found:
        with pytest.raises(CroniterBadDateError):
            reference.get_next(datetime)


@settings(deadline=None, max_examples=200)
@given(expressions(), instants(1975, 2190))
def test_every_date_of_three_years_is_judged_right(drawn: Expression, base: datetime) -> None:
    begin = base.replace(hour=23, minute=59, second=59, microsecond=0)
    schedule = crontab.parse(drawn.text)
    dates = [begin + timedelta(days=number) for number in range(1, 3 * 366)]
    expected = [each.date() for each in dates if drawn.has_date(each)]

    found = []
    following = quartz.next_after(schedule, begin)
    while following is not None and following.date() <= dates[-1].date():
        found.append(following.date())
        assert drawn.matches(following)
        following = quartz.next_after(schedule, following.replace(hour=23, minute=59))
    assert found == expected


DATES = (
    # The example of crontab(5): the 1st and the 15th of each month, and every Friday.
    ("30 4 1,15 * 5", ["01T04:30", "06T04:30", "13T04:30", "15T04:30", "20T04:30"]),
    # A field that begins with a star does not restrict the days: both must match.
    ("0 0 */2 * 1", ["09T00:00", "23T00:00"]),
    ("0 0 1-7 * */3", ["01T00:00", "04T00:00", "07T00:00"]),
    ("0 0 *,5 * 1", ["02T00:00", "09T00:00", "16T00:00", "23T00:00", "30T00:00"]),
    # One that has a star only later does restrict them, to every day.
    ("0 12 5,* * 1", ["01T12:00", "02T12:00", "03T12:00"]),
    ("0 0 * * 0", ["01T00:00", "08T00:00"]),
    ("0 0 * * 7", ["01T00:00", "08T00:00"]),
    ("0 0 * * sun", ["01T00:00", "08T00:00"]),
    ("0 0 * * Fri-Sun", ["01T00:00", "06T00:00", "07T00:00", "08T00:00"]),
    ("0 0 * * 5-0", ["01T00:00", "06T00:00", "07T00:00", "08T00:00"]),
    ("0 0 * * 5-7/2", ["01T00:00", "06T00:00", "08T00:00"]),
    ("0 0 * * */7", ["01T00:00", "08T00:00"]),
    ("0 0 * * 1-FRI", ["02T00:00", "03T00:00"]),
    ("*/60 5 2 * *", ["02T05:00"]),
    ("7 */24 2,3 * *", ["02T00:07", "03T00:07"]),
    ("*/25 0 1 * *", ["01T00:00", "01T00:25", "01T00:50"]),
    ("0 0 9 nov *", ["09T00:00"]),
    ("0 0 9 NOVEMBER *", ["09T00:00"]),
    ("@hourly", ["01T00:00", "01T01:00"]),
    ("@daily", ["01T00:00", "02T00:00"]),
    ("@midnight", ["01T00:00", "02T00:00"]),
    (" @Weekly\t", ["01T00:00", "08T00:00"]),
    ("@monthly", ["01T00:00"]),
    (" 5\t0  *  * *\t", ["01T00:05", "02T00:05"]),
)


@pytest.mark.parametrize(("expression", "expected"), DATES, ids=[each for each, _ in DATES])
def test_an_expression_fires_when_cron_runs_it(expression: str, expected: list[str]) -> None:
    found = listed(expression, BASE - timedelta(seconds=1), len(expected))
    assert found == [datetime.fromisoformat(f"2026-11-{each}:00Z") for each in expected]


@pytest.mark.parametrize("expression", ["@yearly", "@annually", "0 0 1 1 *"])
def test_a_year_begins_in_january(expression: str) -> None:
    assert listed(expression, BASE, 2) == [utc(2027, 1, 1), utc(2028, 1, 1)]


def test_years_are_bounded() -> None:
    assert listed("@yearly", utc(1, 1, 1), 1) == [utc(1970, 1, 1)]
    assert listed("@yearly", utc(2199, 1, 1), 1) == []
    assert listed("0 0 29 2 *", utc(2096, 3, 1), 1) == [utc(2104, 2, 29)]


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30-31 2 *"])
def test_a_day_that_never_comes_has_no_firing(expression: str) -> None:
    assert listed(expression, BASE, 1) == []


ALL_DATES = [datetime(2027, 1, 1) + timedelta(days=number) for number in range(63_187)]  # noqa: DTZ001 - dates without a clock
"""To the end of the last year."""


@settings(deadline=None, max_examples=60)
@given(expressions())
def test_the_smallest_gap_is_exact(drawn: Expression) -> None:
    times = sorted(
        3600 * hour + 60 * minute for hour in drawn.hours.values for minute in drawn.minutes.values
    )
    dates = [each for each in ALL_DATES if drawn.has_date(each)]
    nights = min(((later - each).days for each, later in pairwise(dates)), default=None)
    gaps = [later - each for each, later in pairwise(times)] if dates else []
    if nights is not None:
        gaps.append(nights * 86_400 - times[-1] + times[0])

    schedule = crontab.parse(drawn.text)
    assert quartz.minimum_gap(schedule, after=utc(2026, 12, 31, 23, 59)) == min(gaps, default=None)


GAPS = (
    ("0 0 1 * 5", 86_400),
    ("0,50 0,23 13 * 6", 600),
    ("0 0 */2 * *", 86_400),
    ("0 0 */2 * 1", 7 * 86_400),
    ("0 0 29 2 *", 1461 * 86_400),
    ("0 0 29 2 0,1", 86_400),
    ("*/7 * * * *", 240),
)


@pytest.mark.parametrize(("expression", "gap"), GAPS, ids=[each for each, _ in GAPS])
def test_the_smallest_gap(expression: str, gap: int) -> None:
    schedule = crontab.parse(expression)
    assert quartz.minimum_gap(schedule, after=BASE) == gap
    assert quartz.gap_below(schedule, gap + 1, after=BASE) == gap
    assert quartz.gap_below(schedule, gap, after=BASE) is None


@pytest.mark.parametrize("rules", [(gap, overlap) for gap in OnGap for overlap in OnOverlap])
@pytest.mark.parametrize(
    "begin", [utc(2027, 3, 27), utc(2027, 10, 30)], ids=["forward", "backward"]
)
@settings(deadline=None, max_examples=12)
@given(drawn=expressions())
def test_changes_of_the_clock_are_those_of_quartz(
    rules: tuple[OnGap, OnOverlap], begin: datetime, drawn: Expression
) -> None:
    on, schedule = clock("Europe/Berlin", *rules), crontab.parse(drawn.text)
    days = 3
    expected = walked(drawn.matches, on.zone.info, rules, begin, minutes=days * 1440)

    found = firings(
        lambda each: quartz.next_after_on(on, schedule, each), begin - timedelta(seconds=1)
    )
    end = begin + timedelta(days=days)
    assert list(takewhile(lambda each: each < end, found)) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 29 2 *",
        "0 0 30 2 *",
        "0 0 31 2,4,6,9,11 *",
        "0 0 */31 2 */7",
        "* * * * *",
        "59 23 31 12 *",
    ],
)
def test_no_expression_takes_long_to_evaluate(expression: str) -> None:
    on, schedule = clock("America/New_York", OnGap.NEXT, OnOverlap.BOTH), crontab.parse(expression)
    begin = utc(1970, 1, 1)
    assert is_fast(lambda after: quartz.next_after_on(on, schedule, after), begin)
    assert is_fast(lambda after: quartz.closest_on(on, schedule, after=after), begin)
