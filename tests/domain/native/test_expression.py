"""Expression: five fields are crontab's, six or seven are Quartz's, and others are refused."""

from __future__ import annotations

import pytest

from app.domain import crontab, quartz
from app.domain.native import expression
from app.domain.native.limits import objection
from app.domain.native.trigger import Cron, Local
from app.domain.trigger import first_firing, from_document, next_after, to_document
from app.errors import InvalidMember
from tests.domain.quartz.reference import utc

NOW = utc(2026, 11, 22, 5, 30)


def test_the_number_of_fields_decides_how_an_expression_is_read() -> None:
    assert expression.parse("30 9 * * 1") == crontab.parse("30 9 * * 1")
    assert expression.parse("@daily") == crontab.parse("@daily")
    # Monday is 1 in crontab, and 2 in Quartz.
    assert expression.parse("0 30 9 ? * 2") == quartz.parse("0 30 9 ? * 2")
    assert expression.parse("0 30 9 ? * 2").days == crontab.parse("30 9 * * 1").days
    assert expression.parse("0 0 0 1 1 ? 2027").years == (2027,)


def test_each_is_described_as_it_is_read() -> None:
    assert expression.summarize("30 9 * * 1", "UTC") == "at 09:30 on Monday, UTC"
    assert expression.summarize("0 30 9 ? * 1", "UTC") == "at 09:30 on Sunday, UTC"
    assert "either is enough" in (expression.warn_of_days("0 0 1 * 5") or "")
    assert "only day-of-week counts" in (expression.warn_of_days("0 0 0 ? * L") or "")


@pytest.mark.parametrize(
    ("text", "reason", "remedy"),
    [
        ("", "has 0 fields; one of crontab has five, and one of Quartz six or seven", "seconds"),
        ("bad", "has 1 field;", "minutes, hours"),
        ("* * * *", "has 4 fields;", "minutes, hours"),
        ("* * * * * * * *", "has 8 fields;", "minutes, hours"),
        ("CRON_TZ=Europe/Rome 0 9 * * *", "begins with a time zone", "Give the zone in timezone"),
        ("TZ=Europe/Rome @daily", "begins with a time zone", "Give the zone in timezone"),
        ("* " * 400, "800 characters", "at most 255"),
    ],
)
def test_what_is_neither_is_refused(text: str, reason: str, remedy: str) -> None:
    with pytest.raises(InvalidMember) as refused:
        expression.parse(text)
    assert refused.value.member == "cron"
    assert reason in refused.value.message
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("*/5 * * * *", "fires again after 300 seconds."),
        ("0,55 0,23 * * *", "fires again after 300 seconds."),
        ("* * * * *", "fires again after 60 seconds."),
        ("0 0 30 2 *", "never fires again"),
        ("0 0 31 4,6 *", "never fires again"),
    ],
)
def test_the_rules_of_all_expressions_hold(text: str, reason: str) -> None:
    with pytest.raises(InvalidMember, match="cron") as refused:
        first_firing(Cron(expression=text), NOW)
    assert refused.value.member == "cron"
    assert reason in refused.value.message
    assert refused.value.remedy


def test_the_ten_minutes_hold_across_changes_of_the_clock() -> None:
    local = Local(timezone="America/New_York")
    refused = objection(Cron(expression="1,59 1,3 * * *", local=local), NOW)
    assert refused is not None
    assert "after 120 seconds when the clock of America/New_York changes" in refused.message
    assert objection(Cron(expression="*/10 * * * *", local=local), NOW) is None


def test_an_expression_fires_on_the_clock_of_its_zone() -> None:
    trigger = Cron(expression="30 9 * * mon-fri", local=Local(timezone="Europe/Berlin"))
    assert next_after(trigger, NOW) == utc(2026, 11, 23, 8, 30)
    assert next_after(trigger, utc(2027, 7, 1)) == utc(2027, 7, 1, 7, 30)


@pytest.mark.parametrize("local", [None, Local(timezone="Europe/Berlin")])
def test_it_is_stored_as_written(local: Local | None) -> None:
    for text in (" 30\t9 *  * Mon-FRI", "@Daily"):
        trigger = Cron(expression=text, local=local)
        stored = to_document(trigger)
        assert stored["expression" if local is None else "local"] == text
        assert from_document(stored) == trigger
