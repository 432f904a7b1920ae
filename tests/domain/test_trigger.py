"""Trigger: which triggers may be booked, when they fire, and how they are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.clocks import OnGap, OnOverlap
from app.domain.native.limits import minimum_gap, objection
from app.domain.native.trigger import Cron, Local
from app.domain.one_time import At
from app.domain.trigger import (
    Trigger,
    first_firing,
    from_document,
    is_recurring,
    next_after,
    to_document,
)
from app.errors import InvalidMember

NOW = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)
LOCALS = st.builds(
    Local,
    timezone=st.sampled_from(["America/New_York", "UTC"]),
    on_gap=st.none() | st.sampled_from(OnGap),
    on_overlap=st.none() | st.sampled_from(OnOverlap),
)
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


def test_a_trigger_is_stored_as_a_readable_document() -> None:
    at = At(instant=NOW + timedelta(milliseconds=250))
    assert to_document(at) == {"kind": "at", "at": "2026-11-22T05:30:00.25Z"}
    cron = Cron(expression="0 15 10 ? * *")
    assert to_document(cron) == {"kind": "cron", "expression": "0 15 10 ? * *"}
    local = {"kind": "cron", "local": "0 15 10 ? * *", "timezone": "Europe/Berlin"}
    in_berlin = Local(timezone="Europe/Berlin")
    assert to_document(Cron(expression="0 15 10 ? * *", local=in_berlin)) == local
    ruled = Local(timezone="Europe/Berlin", on_gap=OnGap.SKIP, on_overlap=OnOverlap.BOTH)
    assert to_document(Cron(expression="0 15 10 ? * *", local=ruled)) == {
        **local,
        "onGap": "skip",
        "onOverlap": "both",
    }


@given(
    st.datetimes(timezones=st.just(UTC)).map(lambda instant: At(instant=instant))
    | st.builds(Cron, expression=st.text(), local=st.none() | LOCALS)
)
def test_a_stored_trigger_reads_back_the_same(trigger: Trigger) -> None:
    assert from_document(to_document(trigger)) == trigger


def test_a_stored_kind_that_is_unknown_is_an_error() -> None:
    with pytest.raises(ValueError, match="no trigger is of the kind 'lunar'"):
        from_document({"kind": "lunar"})


def new_york(expression: str, gap: OnGap | None = None, overlap: OnOverlap | None = None) -> Cron:
    return Cron(
        expression=expression,
        local=Local(timezone="America/New_York", on_gap=gap, on_overlap=overlap),
    )


def test_cron_fires_on_the_clock_of_its_zone() -> None:
    cron = new_york("0 30 5 ? * *")
    assert is_recurring(cron)
    assert first_firing(cron, NOW) == datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
    summer = datetime(2027, 7, 1, tzinfo=UTC)
    assert next_after(cron, summer) == datetime(2027, 7, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        (new_york("0 0/5 * * * ?"), "fires again after 300 seconds."),
        (
            new_york("0 5/10 * * * ?", OnGap.NEXT),
            "after 300 seconds when the clock of America/New_York changes at 2027-03-14T07:00:00Z",
        ),
        (
            new_york("0 1,59 1 * * ?", None, OnOverlap.BOTH),
            "after 120 seconds when the clock of America/New_York changes at 2027-11-07T06:00:00Z",
        ),
        (
            new_york("0 1,59 1,3 * * ?"),
            "after 120 seconds when the clock of America/New_York changes at 2027-03-14T07:00:00Z",
        ),
        (new_york("0 30 2 ? 3 1#2"), "never fires again"),
    ],
)
def test_the_ten_minutes_hold_across_changes_of_the_clock(cron: Cron, says: str) -> None:
    with pytest.raises(InvalidMember) as refusal:
        first_firing(cron, NOW)
    assert refusal.value.member == "cron"
    assert says in refusal.value.message
    refused = objection(cron, NOW)
    assert refused is not None
    assert (refused.message, refused.remedy) == (refusal.value.message, refusal.value.remedy)


@pytest.mark.parametrize(
    "cron",
    [
        new_york("0 0 * * * ?", OnGap.NEXT, OnOverlap.BOTH),
        new_york("0 5/10 * * * ?"),
        new_york("0 1,59 1 * * ?", None, OnOverlap.FIRST),
        new_york("0 30 2 ? 3 1#2", OnGap.NEXT),
    ],
)
def test_what_keeps_them_may_be_booked(cron: Cron) -> None:
    assert objection(cron, NOW) is None
    assert first_firing(cron, NOW) == next_after(cron, NOW)


def test_the_smallest_gap_of_any_trigger() -> None:
    assert minimum_gap(At(instant=NOW), NOW - MICROSECOND) is None
    assert minimum_gap(Cron(expression="0 0 12 * * ?"), NOW) == 86400
    assert minimum_gap(new_york("0 0 12 * * ?"), NOW) == 82800
    assert minimum_gap(new_york("0 0 12 1 1 ? 2027"), NOW) is None
    assert objection(At(instant=NOW), NOW - MICROSECOND) is None
    past = objection(At(instant=NOW), NOW)
    assert past is not None
    assert past.member == "when"


def test_an_unknown_zone_is_refused() -> None:
    for decide in (first_firing, next_after, objection, minimum_gap):
        with pytest.raises(InvalidMember) as refusal:
            decide(Cron(expression="0 0 12 * * ?", local=Local(timezone="Berlin")), NOW)
        assert refusal.value.member == "timezone"


def test_a_release_that_knows_of_no_zones_cannot_take_a_local_time_for_utc() -> None:
    assert "expression" not in to_document(new_york("0 0 12 * * ?"))
