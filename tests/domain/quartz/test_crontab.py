"""Lines of crontab as Quartz expressions, held against the reader of Dapr's dialect."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import quartz
from app.domain.dapr import reader
from app.domain.quartz import crontab
from app.errors import InvalidMember

NOW = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "schedule", "command", "expression"),
    [
        ("30 9 * * 1-5 curl x", "30 9 * * 1-5", "curl x", "0 30 9 ? * MON,TUE,WED,THU,FRI"),
        ("*/15 * * * *", "*/15 * * * *", "", "0 0-45/15 * * * ?"),
        (" 0\t0,12 1 jan,7 *  a  b ", "0 0,12 1 jan,7 *", "a  b", "0 0 0,12 1 JAN,JUL ?"),
        ("0 6-9 * * 0", "0 6-9 * * 0", "", "0 0 6-9 ? * SUN"),
        ("0 0 * * 5-7", "0 0 * * 5-7", "", "0 0 0 ? * FRI,SAT,SUN"),
        ("0 0 * * 0-6", "0 0 * * 0-6", "", "0 0 0 * * ?"),
        ("@daily /bin/x", "@daily", "/bin/x", "0 0 0 * * ?"),
        ("@weekly", "@weekly", "", "0 0 0 ? * SUN"),
    ],
)
def test_a_line_is_split_and_converted(
    line: str, schedule: str, command: str, expression: str
) -> None:
    assert crontab.split(line) == (schedule, command)
    assert crontab.to_quartz(schedule) == expression


@pytest.mark.parametrize(
    "schedule",
    [
        "@reboot",
        "60 * * * *",
        "* * 0 * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "5/10 * * * *",
        "a * * * *",
        "* * * foo *",
        "* * * * * *",
        "",
        "0 0 13 * 5",
        "1,,2 * * * *",
        "* * * * 8",
        f"{'1,' * 200}1 * * * *",
    ],
)
def test_what_cannot_be_converted_is_refused(schedule: str) -> None:
    with pytest.raises(InvalidMember) as refused:
        crontab.to_quartz(schedule)
    assert refused.value.member == "crontab"
    assert refused.value.remedy


@pytest.mark.parametrize("line", ["", "* * *", "curl https://example.com"])
def test_a_line_without_a_schedule_is_refused(line: str) -> None:
    with pytest.raises(InvalidMember):
        crontab.split(line)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high)
    ranges = st.tuples(numbers, numbers).map(lambda ends: f"{min(ends)}-{max(ends)}")
    steps = st.integers(1, high).map(lambda step: f"*/{step}")
    items = numbers.map(str) | ranges | steps | st.just("*")
    return st.lists(items, min_size=1, max_size=3).map(",".join)


@settings(deadline=None, max_examples=200)
@given(st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), st.just("*")))
def test_a_line_fires_when_dapr_would_fire(fields: tuple[str, ...]) -> None:
    line = " ".join(fields)
    # Dapr's dialect is that of cron with seconds.
    expected = reader.read(f"0 {line}")
    assert isinstance(expected, reader.Fields)
    found = quartz.parse(crontab.to_quartz(line))
    assert (found.minutes, found.hours, found.months, found.days) == (
        expected.schedule.minutes,
        expected.schedule.hours,
        expected.schedule.months,
        expected.schedule.days,
    )


@settings(deadline=None)
@given(field(0, 6))
def test_days_of_the_week_are_those_of_dapr(text: str) -> None:
    expected = reader.read(f"0 0 0 * * {text}")
    assert isinstance(expected, reader.Fields)
    assert quartz.parse(crontab.to_quartz(f"0 0 * * {text}")).days == expected.schedule.days
