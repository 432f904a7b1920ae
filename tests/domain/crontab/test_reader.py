"""Reader: what is not a crontab expression is refused, with the reason and the remedy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import crontab, quartz
from app.errors import InvalidMember


@pytest.mark.parametrize(
    ("written", "same_as"),
    [
        ("0 0 * * 0-7", "0 0 * * *"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * MON-sun", "0 0 * * 0-6"),
        ("00 09 01 01 *", "0 9 1 jan *"),
        ("5-5 * * * *", "5 * * * *"),
        ("* * * september *", "* * * 9 *"),
        ("0,0,0 * * * *", "0 * * * *"),
        (" * * * * *\t", "* * * * *"),
        ("@DAILY", "0 0 * * *"),
    ],
)
def test_what_is_written_otherwise_is_the_same(written: str, same_as: str) -> None:
    assert crontab.parse(written) == crontab.parse(same_as)


REFUSED = (
    ("0 15 10 ? *", 'has five fields, as crontab\'s have, and "?" at character 9', "seconds"),
    ("0 0 * * 6#3", '"#" at character 10', "seconds before the five fields"),
    ("0 0 L * *", 'day-of-month field "L" has "L", which only Quartz has', "seconds before"),
    ("0 0 LW * *", '"LW", which only Quartz has', "seconds before"),
    ("0 0 L-3 * *", "which only Quartz has", "seconds before"),
    ("0 0 1,15W * *", '"15W", which only Quartz has', "seconds before"),
    ("0 0 * * 5L", 'day-of-week field "5L" has "5L", which only Quartz has', "seconds before"),
    ("0 0 * * FRIL", "which only Quartz has", "seconds before"),
    ("60 * * * *", "minutes field", "numbers from 0 to 59"),
    ("* 24 * * *", "24, which is not from 0 to 23", "numbers from 0 to 23"),
    ("* * 0 * *", "day-of-month field", "numbers from 1 to 31"),
    ("* * * 13 *", "month field", "names such as"),
    ("* * * * 8", "8, which is not from 0 to 7", "Sunday again"),
    ("* * * foo *", '"FOO", which is not a name it knows', "numbers from 1 to 12"),
    ("* * * * MONTAG", "not a name", "Write MON"),
    ("H * * * *", "not a name", "numbers from 0 to 59"),
    ("5/10 * * * *", 'step after "5" alone', '"5-59/10"'),
    ("* * * * TUE/2", 'step after "TUE" alone', '"2-7/2"'),
    ("22-6 * * * *", "runs backwards", '"22-59,0-6"'),
    ("* 22-6/2 * * *", "runs backwards", '"22-23,0-6"'),
    ("*/0 * * * *", "a step of 0", "from 1 to 60"),
    ("*/90 * * * *", "a step of 90", "from 1 to 60"),
    ("* */25 * * *", "a step of 25", "from 1 to 24"),
    ("1,,2 * * * *", "an empty item", "lists"),
    ("1, * * * *", "an empty item", "lists"),
    ("*/5/3 * * * *", "cannot be read at", "steps"),
    ("*-5 * * * *", "cannot be read at", "ranges"),
    ("/5 * * * *", "cannot be read at", "steps"),
    ("0~30 * * * *", "a value chosen at random", "Write the number"),
    ("0 9 * * 1;5", '";" at character 10', "separated by spaces"),
    ("1 2 3 4 5\n", r'"\n" at character 10', "separated by spaces"),
    ("1 2 3 4 \u0665", r'"\u0665" at character 9', "separated by spaces"),
    ("@reboot", '"@reboot" is not a schedule', "machine"),
    ("@every 5m", '"@every 5m" is not a schedule', "interval"),
    ("@", '"@" is not a schedule', "@hourly"),
    ("@daily x", '"@daily x" is not a schedule', "@hourly"),
    (f"{'1,' * 200}1 * * * *", "409 characters long", "at most 255"),
)


@pytest.mark.parametrize(("text", "reason", "remedy"), REFUSED, ids=[each[0] for each in REFUSED])
def test_the_error_names_the_reason_and_the_remedy(text: str, reason: str, remedy: str) -> None:
    assert crontab.is_crontab(text)
    with pytest.raises(InvalidMember) as refused:
        crontab.parse(text)
    assert refused.value.member == "cron"
    assert reason in refused.value.message
    assert remedy in refused.value.remedy


def read(text: str) -> quartz.Schedule | InvalidMember:
    try:
        return crontab.parse(text)
    except InvalidMember as refused:
        return refused


@given(st.text(alphabet="0123456789*/,-@LW#?~ JANMONx", max_size=30) | st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    fields = f"{text} * * * *"
    for each in (text, fields, f"* * {text} * *", f"* * * * {text}", f"@{text}"):
        if crontab.is_crontab(each):
            found = read(each)
            assert isinstance(found, quartz.Schedule) or found.message.isprintable()
