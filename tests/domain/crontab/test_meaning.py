"""Meaning: crontab expressions in English."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from app.domain import crontab
from tests.domain.crontab.expressions import Expression, expressions

SHORT = "; shorter months leave out the days they lack"


@pytest.mark.parametrize(
    ("expression", "summary"),
    [
        ("15 10 * * MON-FRI", "at 10:15 from Monday to Friday, UTC"),
        ("@daily", "every day at 00:00, UTC"),
        ("@weekly", "at 00:00 on Sunday, UTC"),
        ("@hourly", "every hour"),
        ("*/20 * * * *", "every 20 minutes"),
        ("0 */24 * * *", "every day at 00:00, UTC"),
        ("0 9-17 * * fri-sun", "every hour from 09:00 to 17:00, from Friday to Sunday, UTC"),
        ("0 0 13 * 5", "at 00:00 on the 13th of the month, and also on Friday, UTC"),
        (
            "30 4 1,15 jan 5",
            "at 04:30 on the 1st and the 15th of the month, and also on Friday, in January, UTC",
        ),
        (
            "0 0 */10 * MON",
            (
                "at 00:00 on the 1st, the 11th, the 21st and the 31st of the month, but only on "
                "Monday, UTC"
            ),
        ),
    ],
)
def test_an_expression_in_english(expression: str, summary: str) -> None:
    assert crontab.summarize(expression, "UTC") == summary


@pytest.mark.parametrize(
    ("expression", "meaning"),
    [
        ("* * * * *", None),
        ("@daily", None),
        ("0 0 * * 0-6", None),
        ("0 0 * * 1", "only day-of-week counts, on Monday."),
        ("0 0 30 * *", f"only day-of-month counts, on the 30th of the month{SHORT}."),
        (
            "0 0 13 6 5",
            (
                "both are given, and either is enough: on the 13th of the month, and also on "
                "Friday, in June."
            ),
        ),
        ("0 0 1-31 * 5", "both are given, and either is enough: every day."),
        (
            "0 0 13 * */3",
            (
                'both are given, and both must match, as one begins with "*": on the 13th of the '
                "month, but only on Wednesday, Saturday and Sunday."
            ),
        ),
    ],
)
def test_the_meaning_of_the_day_fields(expression: str, meaning: str | None) -> None:
    found = crontab.describe_days(expression)
    assert found == (None if meaning is None else f"day-of-month and day-of-week: {meaning}")


@pytest.mark.parametrize(
    "ordinary",
    ["0 9 * * 1-5", "0 9 * * sun", "0 9 1,28 * *", "@monthly", "0 9 1 jan *", "0 9 * * *"],
)
def test_ordinary_days_are_not_warned_of(ordinary: str) -> None:
    assert crontab.warn_of_days(ordinary) is None


@pytest.mark.parametrize(
    "unexpected", ["0 0 29 * *", "0 0 13 6 5", "0 0 1-31 * 5", "0 0 13 * */3", "0 0 */2 * MON"]
)
def test_days_that_may_surprise_are_warned_of(unexpected: str) -> None:
    assert crontab.warn_of_days(unexpected) == crontab.describe_days(unexpected) is not None


@settings(deadline=None)
@given(expressions())
def test_every_expression_has_a_meaning(drawn: Expression) -> None:
    found = crontab.summarize(drawn.text, "UTC")
    assert found.isprintable()
    assert found.startswith(("at ", "every ", "in "))
    assert (crontab.describe_days(drawn.text) or "").isprintable()
