"""Time triggers: several time triggers in one, exact, without drift and without walking."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import preview
from app.domain.fusion import time_triggers
from app.domain.fusion.intervals import MAX_UNITS, ByInterval, Unit
from app.domain.fusion.time_triggers import ByCron, TimeTriggers
from tests.domain.fusion.trigger_strategies import (
    counted,
    moments,
    time_triggers_drawn,
    utc,
    walked,
)

HORIZON = timedelta(days=20)


def of(*triggers: ByCron | ByInterval) -> TimeTriggers:
    return TimeTriggers(triggers=triggers)


def firings(booked: TimeTriggers, after: datetime, count: int) -> list[datetime]:
    found = preview.firings(lambda instant: time_triggers.next_after(booked, instant), after)
    return list(islice(found, count))


@settings(deadline=None)
@given(time_triggers_drawn, moments)
def test_the_next_firing_is_the_first_that_a_walk_finds(
    booked: TimeTriggers, after: datetime
) -> None:
    until = after + HORIZON
    expected = min(
        (at for trigger in booked.triggers for at in islice(walked(trigger, after, until), 1)),
        default=None,
    )
    found = time_triggers.next_after(booked, after)
    if expected is None:
        assert found is None or found >= until
    else:
        assert found == expected


@given(
    moments,
    st.sampled_from(Unit),
    st.integers(1, 1000),
    st.integers(0, 900),
    st.sampled_from([timedelta(0), timedelta(milliseconds=1), timedelta(seconds=59)]),
)
def test_a_firing_is_its_number_of_intervals_after_the_start_however_late_it_is_asked(
    start: datetime, unit: Unit, every: int, number: int, late: timedelta
) -> None:
    interval = ByInterval(start=start, every=every, unit=unit)
    if unit in (Unit.WEEK, Unit.MONTH):
        number %= 50  # lest the last year of all be passed
    before = counted(start, unit, every * number)
    assert time_triggers.next_of(interval, before + late) == counted(
        start, unit, every * (number + 1)
    )
    assert time_triggers.next_of(interval, before - timedelta(milliseconds=1)) == before


@given(time_triggers_drawn)
def test_what_is_stored_reads_back_the_same(booked: TimeTriggers) -> None:
    document = time_triggers.to_document(booked)
    assert document["kind"] == "calendar"
    assert time_triggers.from_document(json.loads(json.dumps(document))) == booked


def test_nothing_else_is_read_as_time_triggers() -> None:
    with pytest.raises(ValueError, match="not time triggers"):
        time_triggers.from_document({"kind": "cron", "expression": "0 0 12 * * ?"})


def test_a_month_that_is_too_short_fires_on_its_last_day_and_the_next_on_the_31st_again() -> None:
    monthly = of(ByInterval(start=utc(2027, 12, 31, 9, 30), every=1, unit=Unit.MONTH))
    assert firings(monthly, utc(2027, 12, 1), 6) == [
        utc(2027, 12, 31, 9, 30),
        utc(2028, 1, 31, 9, 30),
        utc(2028, 2, 29, 9, 30),
        utc(2028, 3, 31, 9, 30),
        utc(2028, 4, 30, 9, 30),
        utc(2028, 5, 31, 9, 30),
    ]
    assert time_triggers.next_after(monthly, utc(2028, 3, 1)) == utc(2028, 3, 31, 9, 30)


def test_the_end_is_the_last_instant_at_which_it_fires() -> None:
    start = utc(2027, 1, 1)
    daily = ByInterval(start=start, every=1, unit=Unit.DAY, end=utc(2027, 1, 3))
    assert firings(of(daily), utc(2020, 1, 1), 9) == [start, utc(2027, 1, 2), utc(2027, 1, 3)]
    sooner = replace(daily, end=utc(2027, 1, 3) - timedelta(milliseconds=1))
    assert firings(of(sooner), utc(2020, 1, 1), 9) == [start, utc(2027, 1, 2)]


def test_where_two_triggers_meet_it_fires_once() -> None:
    noon = ByCron(expression="0 0 12 * * ?")
    also = ByInterval(start=utc(2027, 1, 1, 12), every=12, unit=Unit.HOUR)
    assert firings(of(noon, also, noon), utc(2027, 1, 1), 4) == [
        utc(2027, 1, 1, 12),
        utc(2027, 1, 2),
        utc(2027, 1, 2, 12),
        utc(2027, 1, 3),
    ]


def test_what_is_disabled_never_fires() -> None:
    noon = ByCron(expression="0 0 12 * * ?", enabled=False)
    assert time_triggers.next_after(of(noon), utc(2027, 1, 1)) is None
    assert time_triggers.next_after(of(), utc(2027, 1, 1)) is None
    later = ByInterval(start=utc(2028, 1, 1), every=1, unit=Unit.DAY)
    assert time_triggers.next_after(of(noon, later), utc(2027, 1, 1)) == utc(2028, 1, 1)


def test_both_day_fields_may_be_stars_as_in_the_documentation() -> None:
    seldom = of(ByCron(expression="0 */10 * * * *"))
    assert firings(seldom, utc(2027, 1, 1), 2) == [utc(2027, 1, 1, 0, 10), utc(2027, 1, 1, 0, 20)]


@pytest.mark.parametrize("unit", Unit)
def test_a_start_long_ago_costs_nothing(unit: Unit) -> None:
    ancient = ByInterval(start=utc(1, 1, 31), every=1, unit=unit)
    found = time_triggers.next_of(ancient, utc(2027, 2, 3, 4, 5, 6))
    assert (
        found
        == {
            Unit.MINUTE: utc(2027, 2, 3, 4, 6),
            Unit.HOUR: utc(2027, 2, 3, 5),
            Unit.DAY: utc(2027, 2, 4),
            Unit.WEEK: utc(2027, 2, 10),
            Unit.MONTH: utc(2027, 2, 28),
        }[unit]
    )


@pytest.mark.parametrize("unit", Unit)
def test_at_the_end_of_all_years_nothing_is_to_come(unit: Unit) -> None:
    last = ByInterval(start=utc(9999, 12, 31, 23, 59, 59), every=1, unit=unit)
    assert time_triggers.next_of(last, utc(2027, 1, 1)) == last.start
    assert time_triggers.next_of(last, last.start) is None
    assert time_triggers.next_of(replace(last, every=MAX_UNITS), last.start) is None


def test_an_interval_without_a_start_keeps_its_anchor_when_it_is_saved_again() -> None:
    first, again, other = utc(2027, 1, 1, 0, 0, 7), utc(2027, 1, 5), utc(2020, 1, 1)
    hourly = ByInterval(start=first, every=1, unit=Unit.HOUR, given=False)
    daily = ByInterval(start=first, every=1, unit=Unit.DAY, given=False)
    fixed = ByInterval(start=other, every=1, unit=Unit.MINUTE)
    noon = ByCron(expression="0 0 12 * * ?")
    before = of(replace(fixed, unit=Unit.HOUR), hourly, daily, fixed)
    now = of(
        noon,
        replace(hourly, start=again),
        replace(daily, start=again, every=2),
        replace(fixed, start=again),
        replace(hourly, start=again, enabled=False),
    )
    kept = time_triggers.keep_anchors(now, before)
    assert kept == of(
        noon,
        hourly,
        replace(daily, start=again, every=2),
        replace(fixed, start=again),
        replace(hourly, start=again, enabled=False),
    )
