"""Lines of a crontab: their schedule and their command."""

from __future__ import annotations

import pytest

from app.domain import crontab
from app.errors import InvalidMember


@pytest.mark.parametrize(
    ("line", "schedule", "command"),
    [
        ("30 9 * * 1-5 curl x", "30 9 * * 1-5", "curl x"),
        ("*/15 * * * *", "*/15 * * * *", ""),
        (" 0\t0,12 1 jan,7 *  a  b ", "0 0,12 1 jan,7 *", "a  b"),
        ("@daily /bin/x  y", "@daily", "/bin/x  y"),
        ("@weekly", "@weekly", ""),
    ],
)
def test_a_line_is_split(line: str, schedule: str, command: str) -> None:
    assert crontab.split(line) == (schedule, command)
    crontab.parse(schedule)


@pytest.mark.parametrize("line", ["", "* * *", "curl https://example.com"])
def test_a_line_without_a_schedule_is_refused(line: str) -> None:
    with pytest.raises(InvalidMember, match="crontab line has five") as refused:
        crontab.split(line)
    assert refused.value.member == "cron"
    assert refused.value.remedy
