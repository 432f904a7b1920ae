"""Reader: what is taken, what is refused, and what a refusal says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import quartz
from app.errors import InvalidMember


@pytest.mark.parametrize(
    ("written", "same_as"),
    [
        ("0 15 10 ? * *", "0 15 10 * * ?"),
        ("0 15 10 * * *", "0 15 10 * * ?"),
        ("0 15 10 * * ? *", "0 15 10 * * ?"),
        ("\t0  15 10\t* * ? ", "0 15 10 * * ?"),
        ("0 05 10 * * ?", "0 5 10 * * ?"),
        ("0 /15 * * * ?", "0 0,15,30,45 * * * ?"),
        ("0 55-5/5 * * * ?", "0 0,5,55 * * * ?"),
        ("0 0 22-2 * * ?", "0 0 0-2,22,23 * * ?"),
        ("0 5-5 * * * ?", "0 5 * * * ?"),
        ("0 0 0 31-1 * ?", "0 0 0 1,31 * ?"),
        ("0 0 0 20-10/7 * ?", "0 0 0 3,10,20,27 * ?"),
        ("0 0 0 1 nov-feb ?", "0 0 0 1 1,2,11,12 ?"),
        ("0 0 0 ? * fri-mon", "0 0 0 ? * 1,2,6,7"),
        ("0 0 0 ? * l", "0 0 0 ? * SAT"),
        ("0 0 0 ? * fril", "0 0 0 ? * 6L"),
        ("0 0 0 ? * Fri#3", "0 0 0 ? * 6#3"),
        ("0 0 0 l-3w * ?", "0 0 0 L-3W * ?"),
        ("0 0 0 L-0 * ?", "0 0 0 L * ?"),
        ("0 0 0 1 1 ? 2197/2", "0 0 0 1 1 ? 2197,2199"),
        ("0 0 0 1 january-Sept,DECEMBER ?", "0 0 0 1 1-9,12 ?"),
        ("0 0 0 1 june,July,may ?", "0 0 0 1 5-7 ?"),
        ("0 0 0 ? * MONDAY-Friday", "0 0 0 ? * 2-6"),
        ("0 0 0 ? * sunday,Tues,THUR,thurs", "0 0 0 ? * 1,3,5"),
        ("0 0 0 ? * FRIDAYL", "0 0 0 ? * 6L"),
        ("0 0 0 ? * wednesday#3", "0 0 0 ? * 4#3"),
        ("0 0 0 l,15 * ?", "0 0 0 15,L * ?"),
        ("0 0 0 L,L-0 * ?", "0 0 0 L * ?"),
        ("0 0 0 1-31,LW * ?", "0 0 0 * * ?"),
    ],
)
def test_two_ways_to_write_one_schedule(written: str, same_as: str) -> None:
    assert quartz.parse(written) == quartz.parse(same_as)


@pytest.mark.parametrize(
    ("expression", "says", "remedy"),
    [
        ("", "0 fields", "Write seconds, minutes, hours"),
        ("@daily", '"@" at character 1', "Write seconds, minutes, hours"),
        ("0 0 12 * *", "5 fields", "Write seconds, minutes, hours"),
        ("daily", "1 field,", "Write seconds, minutes, hours"),
        ("0 0 12 * * ? * *", "8 fields", "Write seconds, minutes, hours"),
        ("0 0 12 * *\n?", '"\\n" at character 11', "Write seconds"),
        ("0 0 12 * * \uff1f", '"\\uff1f" at character 12', "Write seconds"),
        ("0 0 12 * * \ud800", '"\\ud800" at character 12', "Write seconds"),
        ("0 0 12 ? * ?", 'Both day fields are "?"', '"?" in the other'),
        ("0 0 12 1 * MON", 'day-of-month "1" and day-of-week "MON"', '"?" in the other'),
        ("0 0 12 */1 * *", "Both day fields are given", '"?" in the other'),
        ("60 0 12 * * ?", 'seconds field "60" has 60', "numbers from 0 to 59"),
        ("0 5,70 12 * * ?", 'minutes field "5,70" has 70', "numbers from 0 to 59"),
        ("0 0 24 * * ?", 'hours field "24" has 24', "numbers from 0 to 23"),
        ("0 0 xx * * ?", 'hours field "xx" has "XX"', "numbers from 0 to 23"),
        ("0 0 12 0 * ?", "day-of-month", "numbers from 1 to 31"),
        ("0 0 12 1 13 ?", 'month field "13"', "names such as"),
        ("0 0 12 1 MON ?", 'month field "MON" has "MON"', "names such as"),
        ("0 0 12 ? * 8", 'day-of-week field "8"', "1 (Sunday) to 7 (Saturday)"),
        ("0 0 12 ? * SUNDAE", 'has "SUNDAE"', "Write SUN, or the whole English name"),
        ("0 0 12 1 JANFEB ?", 'has "JANFEB"', "Write JAN, or"),
        ("0 0 12 ? * SOLIS", 'has "SOLIS"', "names such as"),
        ("0 0 12 ? * L-3", 'has "L-3", which belongs to day-of-month', "Write L-3 in the day-of"),
        ("0 0 12 ? * mon,lw", 'has "LW", which belongs to day-of-month', "Write LW in the day-of"),
        ("0 0 12 ? * 15W", 'has "15W", which belongs to day-of-month', "Write 15W in"),
        ("0 0 12 6L * ?", 'has "6L", which belongs to day-of-week', "6L in the day-of-week field"),
        ("0 0 12 1,FRIDAYL * ?", "belongs to day-of-week", "FRIDAYL in the day-of-week field"),
        ("0 0 12 6#3 * ?", 'has "6#3", which belongs to day-of-week', "6#3 in the day-of-week"),
        ("0 0 12 ? * L,2", 'has "L" in a list', "a job for each"),
        ("0 0 12 1 1 ? 1969", "year", "years from 1970 to 2199"),
        ("0 0 12 1 1 ? 20260", "has 20260", "years from 1970 to 2199"),
        ("0 0 12 1 1 ? 2030-2028", "backwards", '"2028-2030"'),
        ("0 0/60 * * * ?", 'minutes field "0/60" has a step of 60', "from 1 to 59"),
        ("0 */0 * * * ?", "a step of 0", "from 1 to 59"),
        ("0 10-20/90 * * * ?", "a step of 90", "from 1 to 59"),
        ("0 0 12 ? * MON-FRI/2", "a step after a name", "2 stands for MON"),
        ("0 0 12 ? * 2-FRI", "from a number to a name", "both as names"),
        ("0 0 12 ? * MON-6", "from a number to a name", "both as names"),
        ("0 1,,3 * * * ?", "an empty place", "lists"),
        ("0 ? * * * ?", 'have "?" only in a day field', "numbers"),
        ("0 0 12 1,? * ?", 'have "?" only in a day field', "numbers"),
        ("0 0 12 5#x * ?", 'have "#" only in the day-of-week field', "numbers"),
        ("0 5- * * * ?", 'cannot be read at "5-"', "numbers"),
        ("0 1-2-3 * * * ?", 'cannot be read at "1-2-3"', "numbers"),
        ("0 0 12 1 5W ?", 'cannot be read at "5W"', "numbers"),
        ("0 0 12 1W-5W * ?", 'uses "L" or "W"', '"L-3W"'),
        ("0 0 12 1,L/2 * ?", 'uses "L" or "W"', "alone or in a list"),
        ("0 0 12 L,,15 * ?", "an empty place", "lists"),
        ("0 0 12 15,L-31 * ?", "counts 31 days back", "from 0 to 30"),
        ("0 0 12 W15 * ?", 'uses "L" or "W"', '"L-3W"'),
        ("0 0 12 32W * ?", "has 32", "15W"),
        ("0 0 12 L-31 * ?", "counts 31 days back", "from 0 to 30"),
        ("0 0 12 ? * 6#6", "weekday number 6", "from 1 to 5"),
        ("0 0 12 ? * 8#1", "has 8", "6#3"),
        ("0 0 12 ? * MON#1,WED#3", 'has "MON#1" in a list', "a trigger for each"),
        ("0 0 12 ? * 2,6L", 'has "6L" in a list', "a job for each"),
        ("0 0 12 ? * MON#", 'uses "#" without its two numbers', "standing alone"),
        ("0 0 12 ? * JANL", 'has "JAN"', "standing alone"),
    ],
)
def test_a_refusal_names_the_fault_and_the_remedy(expression: str, says: str, remedy: str) -> None:
    with pytest.raises(InvalidMember) as refusal:
        quartz.parse(expression)
    assert refusal.value.member == "cron"
    assert says in refusal.value.message
    assert remedy in refusal.value.remedy


def test_an_expression_has_at_most_255_characters() -> None:
    expression = "0 0 12 * * ?"
    quartz.parse(expression.ljust(quartz.MAX_EXPRESSION))
    with pytest.raises(InvalidMember, match="256 characters long"):
        quartz.parse(expression.ljust(quartz.MAX_EXPRESSION + 1))


def refusal_of(text: str) -> InvalidMember | None:
    try:
        quartz.parse(text)
    except InvalidMember as refusal:
        return refusal
    return None


@settings(deadline=None)
@given(st.text(max_size=300) | st.text("0123456789*?/,-#LWMONFRI \t", max_size=60))
def test_any_text_is_read_or_refused_in_printable_words(text: str) -> None:
    refusal = refusal_of(text)
    assert refusal is None or refusal.member == "cron"
    assert refusal is None or (refusal.message.isascii() and refusal.message.isprintable())
