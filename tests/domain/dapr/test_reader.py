"""Reader: the forms a schedule may take, and what each is."""

from __future__ import annotations

import pytest

from app.domain import zones
from app.domain.clocks import OnGap, OnOverlap
from app.domain.dapr.reader import MAX_SCHEDULE, Every, Fields, read
from app.domain.dapr.refusal import Refusal


def fields(text: str) -> Fields:
    found = read(text)
    assert isinstance(found, Fields)
    return found


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("@yearly", "0 0 0 1 1 *"),
        ("@annually", "0 0 0 1 JAN ?"),
        ("@monthly", "0 0 0 1 * *"),
        ("@weekly", "0 0 0 * * sun"),
        ("@daily", "0 0 0 * * *"),
        ("@midnight", "0 0 0 ? ? ?"),
        ("@hourly", "0 0 * * * *"),
        (" 0\t0  * * *\u00a0* \n", "0 0 * * * *"),
        ("0,,0 0 * * * *,", "0 0 * * * *"),
        ("+5 05 * * * *", "5 5 * * * *"),
        # What is behind the star of a range is not looked at, by Dapr either.
        ("*-5 * * * * *", "* * * * * *"),
        ("0 0 0 * * Mon,tUe", "0 0 0 * * 1,2"),
        ("0/59 * * * * *", "*/59 * * * * *"),
        ("TZ= @daily", "0 0 0 * * *"),
        ("CRON_TZ=UTC\t@daily ", "0 0 0 * * *"),
    ],
)
def test_two_ways_to_write_the_same(text: str, same: str) -> None:
    assert fields(text) == fields(same)


def test_a_zone_is_that_of_the_package_and_repeats_what_is_shown_twice() -> None:
    clock = fields("CRON_TZ=Europe/Rome @daily").clock
    assert clock is not None
    assert clock.zone is zones.find("Europe/Rome")
    assert (clock.on_gap, clock.on_overlap) == (OnGap.SKIP, OnOverlap.BOTH)
    assert fields("@daily").clock is None


def test_an_interval() -> None:
    assert read("@every 1h30m") == Every(period=5400 * 10**9)
    assert read("@every 0") == Every(period=0)
    assert read("@every -1s") == Every(period=-(10**9))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty spec string"),
        (" ", "expected exactly 6 fields, found 0: []"),
        (" @daily", "expected exactly 6 fields, found 1: [@daily]"),
        ("@daily ", "unrecognized descriptor: @daily "),
        ("@every ", 'failed to parse duration @every : time: invalid duration ""'),
        ("* * * * * * *", "expected exactly 6 fields, found 7: [* * * * * * *]"),
        ("* * * * * 7", "end of range (7) above maximum (6): 7"),
        ("* * * * * 0-7", "end of range (7) above maximum (6): 0-7"),
        ("jan * * * * *", 'failed to parse int from jan: strconv.Atoi: parsing "jan"'),
        ("* * * * mon *", 'failed to parse int from mon: strconv.Atoi: parsing "mon"'),
        ("*/-5 * * * * *", "negative number (-5) not allowed: -5"),
        ("9999999999999999999999 * * * * *", "failed to parse int from 9999999999999999999999"),
        ("1-2-3 * * * * *", "too many hyphens: 1-2-3"),
        ("\u0661 * * * * *", "failed to parse int from \\u0661"),
        ("0 0 0 LW * *", "failed to parse int from LW"),
        ("0 0 0 15W * *", "failed to parse int from 15W"),
        ("CRON_TZ=Europe/Rom @daily", "provided bad location Europe/Rom"),
        ("CRON_TZ=../../etc/passwd @daily", "provided bad location ../../etc/passwd"),
        ("CRON_TZ=Local @daily", "provided bad location Local"),
        ("TZ=UTC ", "expected exactly 6 fields, found 0: []"),
        ("TZ=UTC CRON_TZ=UTC @daily", "expected exactly 6 fields, found 2: [CRON_TZ=UTC @daily]"),
        ("cron_tz=UTC 0 0 * * * *", "expected exactly 6 fields, found 7"),
        ("TZ=UTC @every 1h", "a time zone has no meaning for an interval"),
        ("*" * (MAX_SCHEDULE + 1), f"the schedule is {MAX_SCHEDULE + 1} characters long"),
        ("\ud800 * * * * *", "failed to parse int from \\ud800"),
    ],
)
def test_invalid_schedules_are_refused(text: str, reason: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read(text)
    assert refusal.value.member == "schedule"
    assert refusal.value.message.startswith(reason)
    assert refusal.value.text.isascii()
    assert refusal.value.text.isprintable()


def test_a_zone_nearly_right_is_named() -> None:
    with pytest.raises(Refusal) as refusal:
        read("CRON_TZ=europe/rome @daily")
    assert "Did you mean Europe/Rome?" in refusal.value.text


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("5s", 'write "@every 5s", or, for one call, give it as dueTime'),
        (" 1h30m ", 'write "@every 1h30m"'),
        ("2026-12-01T10:00:00Z", 'give "2026-12-01T10:00:00Z" as dueTime: a schedule is for'),
        ("2026-12-01T10:00:00+01:00", "as dueTime"),
        ("-5s", "write seconds, minutes, hours"),
        ("tomorrow", "write seconds, minutes, hours"),
    ],
)
def test_the_refusal_of_a_duration_or_an_instant_names_its_member(text: str, remedy: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read(text)
    assert refusal.value.remedy.startswith(remedy) or remedy in refusal.value.remedy
    assert refusal.value.message.startswith("expected exactly 6 fields")
