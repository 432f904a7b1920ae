"""Trigger: what may be booked, when it fires, and how it is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.trigger import (
    At,
    Cron,
    Trigger,
    first_firing,
    from_document,
    is_recurring,
    next_after,
    to_document,
)
from app.errors import InvalidMember

NOW = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def test_an_instant_fires_once() -> None:
    trigger = At(instant=NOW)
    assert next_after(trigger, NOW - MICROSECOND) == NOW
    assert next_after(trigger, NOW) is None
    assert not is_recurring(trigger)


def test_cron_fires_strictly_after() -> None:
    trigger = Cron(expression="0 30 5 ? * *")
    assert next_after(trigger, NOW - MICROSECOND) == NOW
    assert next_after(trigger, NOW) == NOW + timedelta(days=1)
    assert is_recurring(trigger)


def test_cron_ends_with_its_last_year() -> None:
    trigger = Cron(expression="0 0 0 1 1 ? 2027")
    last = datetime(2027, 1, 1, tzinfo=UTC)
    assert next_after(trigger, NOW) == last
    assert next_after(trigger, last) is None


@pytest.mark.parametrize(
    "trigger",
    [
        At(instant=NOW + MICROSECOND),
        At(instant=datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        Cron(expression="0 0/10 * * * ?"),
        Cron(expression="1 0,10 * * * ? 2030"),
        Cron(expression="0 0,50 0,23 * * ?"),
        Cron(expression="0 0,10 0,23 ? * 6L"),
        Cron(expression="0 0,55 23 ? * MON"),
        Cron(expression="0 5 0,23 2/2 * ?"),
        Cron(expression="0 0 0 29 2 ? 2196"),
    ],
)
def test_the_first_firing_is_the_next_one(trigger: Trigger) -> None:
    assert first_firing(trigger, NOW) == next_after(trigger, NOW)


def test_a_pair_of_dates_that_never_meet_may_fire_on_both_sides_of_midnight() -> None:
    around_midnight = "0 0,59 0,23 {} * ?"
    with pytest.raises(InvalidMember, match="fires again after 60 seconds"):
        first_firing(Cron(expression=around_midnight.format("1/2")), NOW)
    alone = Cron(expression=around_midnight.format("2/2"))
    assert first_firing(alone, NOW) == datetime(2026, 11, 22, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize("instant", [NOW, NOW - MICROSECOND, datetime(2011, 5, 11, tzinfo=UTC)])
def test_an_instant_that_is_not_in_the_future_is_refused(instant: datetime) -> None:
    with pytest.raises(InvalidMember, match="not in the future") as refusal:
        first_firing(At(instant=instant), NOW)
    assert refusal.value.member == "when"
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("0 0/5 * * * ?", "fires again after 300 seconds"),
        ("* * * * * ?", "fires again after 1 second."),
        ("0 0,55 0,23 1,29 2,3 ?", "fires again after 300 seconds"),
        ("0,1 0 0 29 2 ?", "fires again after 1 second."),
        ("0 0,9 0 1 1 ?", "fires again after 540 seconds"),
        ("0 0,10,19 * * * ?", "fires again after 540 seconds"),
        ("0 0 0 30 2 ?", "never fires again"),
        ("0 0/5 * * * ? 2020", "never fires again"),
        ("0 0 0 1 1 ? 10000", "year field"),
        ("0 0 25 * * ?", "hours field"),
    ],
)
def test_cron_that_may_not_be_booked_is_refused(expression: str, says: str) -> None:
    with pytest.raises(InvalidMember) as refusal:
        first_firing(Cron(expression=expression), NOW)
    assert refusal.value.member == "cron"
    assert says in refusal.value.message
    assert refusal.value.remedy


def test_a_trigger_is_stored_in_plain_words() -> None:
    at = At(instant=NOW + timedelta(milliseconds=250))
    assert to_document(at) == {"kind": "at", "at": "2026-11-22T05:30:00.25Z"}
    cron = Cron(expression="0 15 10 ? * *")
    assert to_document(cron) == {"kind": "cron", "expression": "0 15 10 ? * *"}


@given(
    st.datetimes(timezones=st.just(UTC)).map(lambda instant: At(instant=instant))
    | st.text().map(lambda text: Cron(expression=text))
)
def test_a_stored_trigger_reads_back_the_same(trigger: Trigger) -> None:
    assert from_document(to_document(trigger)) == trigger


def test_a_stored_kind_that_is_unknown_is_an_error() -> None:
    with pytest.raises(ValueError, match="no trigger is of the kind 'lunar'"):
        from_document({"kind": "lunar"})
