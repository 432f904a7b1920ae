"""Words: what day fields mean, in plain English, for every form they can have."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from app.domain import quartz
from tests.domain.quartz.expressions import Both, schedules
from tests.domain.quartz.vectors import FIRING

SHORT = "; shorter months leave out the days they lack"


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ("* * ?", None),
        ("? * *", None),
        ("1/1 * ?", None),
        ("1-31 * ?", None),
        ("? * 1-7", None),
        ("? * sat-fri", None),
        ("1 * ?", "day-of-month counts, on the 1st of the month"),
        ("1,15 * ?", "day-of-month counts, on the 1st and the 15th of the month"),
        ("11,12,22,23 * ?", "on the 11th, the 12th, the 22nd and the 23rd of the month"),
        ("1-5 * ?", "from the 1st to the 5th of the month"),
        ("1-5,10,20-22 * ?", "from the 1st to the 5th, on the 10th and from the 20th to the 22nd"),
        ("1/10 * ?", f"on the 1st, the 11th, the 21st and the 31st of the month{SHORT}"),
        ("28-3 * ?", f"from the 1st to the 3rd and from the 28th to the 31st of the month{SHORT}"),
        ("28 * ?", "on the 28th of the month."),
        ("29 2 ?", f"on the 29th of the month, in February{SHORT}"),
        ("L * ?", "on the last day of the month."),
        ("l-0 * ?", "on the last day of the month."),
        ("L-1 * ?", "on the day before the last day of the month."),
        ("L-3 * ?", "on the 3rd day before the last day of the month."),
        ("L-28 * ?", f"on the 28th day before the last day of the month{SHORT}"),
        ("LW * ?", "on the last weekday (Monday to Friday) of the month."),
        (
            "L-2W * ?",
            (
                "on the weekday (Monday to Friday) nearest to the 2nd day before the last day of "
                "the month, in the same month."
            ),
        ),
        ("15W * ?", "on the weekday (Monday to Friday) nearest to the 15th, in the same month."),
        ("31W * ?", f"nearest to the 31st, in the same month{SHORT}"),
        ("15,L * ?", "counts, on the 15th of the month, and on the last day of the month."),
        ("L,31 * ?", f"on the 31st of the month, and on the last day of the month{SHORT}"),
        ("1-31,LW * ?", None),
        ("1W,LW * ?", "nearest to the 1st, in the same month, and on the last weekday (Monday to"),
        ("? * FRIDAYL", "on the last Friday of the month."),
        ("? * Thursday#2", "on the second Thursday of the month."),
        ("? * 2", "day-of-week counts, on Monday."),
        ("? * 1", "on Sunday."),
        ("? * mon-fri", "from Monday to Friday."),
        ("? * MON,WED,FRI", "on Monday, Wednesday and Friday."),
        ("? * 2/2", "on Monday, Wednesday and Friday."),
        ("? * SAT,SUN", "on Saturday and Sunday."),
        ("? * FRI-MON", "from Friday to Monday."),
        ("? * L", 'on Saturday (a lone "L" is the last day of the week).'),
        ("? * 6L", "on the last Friday of the month."),
        ("? * sunl", "on the last Sunday of the month."),
        ("? * 6#3", "on the third Friday of the month."),
        ("? * SUN#1", "on the first Sunday of the month."),
        ("? * 1#5", "on the fifth Sunday of the month, in months that have five."),
        ("? 3,11 1#2", "on the second Sunday of the month, in March and November."),
        ("1 NOV-FEB ?", "on the 1st of the month, from November to February."),
        ("1 1/3 ?", "on the 1st of the month, in January, April, July and October."),
        ("? 6-8,12 MON", "on Monday, from June to August and in December."),
        ("? 1,12 MON", "on Monday, in December and January."),
    ],
)
def test_the_days_of_an_expression(days: str, words: str | None) -> None:
    description = quartz.describe_days(f"0 0 12 {days}")
    if words is None:
        assert description is None
    else:
        assert description is not None
        assert description.startswith("day-of-month and day-of-week: only day-of-")
        assert words in description


def test_stars_in_both_day_fields_are_read_as_every_day() -> None:
    description = quartz.describe_days(" 0\t0 12  * * * ")
    assert description == 'day-of-month and day-of-week: both are "*", which is read as every day.'


def description_of(expression: str) -> str:
    words = quartz.describe_days(expression)
    return "" if words is None else words


@settings(deadline=None)
@given(schedules())
def test_every_valid_expression_can_be_described(both: Both) -> None:
    assert description_of(both.quartz).isprintable()


def test_every_vector_can_be_described() -> None:
    assert all(description_of(vector.expr).isprintable() for vector in FIRING)
