"""Gap: the smallest distance between firings, of one trigger and of several together."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings

from app.domain import preview
from app.domain.fusion import gap, time_triggers
from app.domain.fusion.gap import Gap
from app.domain.fusion.intervals import ByInterval, Unit
from app.domain.fusion.time_triggers import ByCron, TimeTriggers
from tests.domain.fusion.trigger_strategies import moments, time_triggers_drawn, utc

NOW = utc(2027, 1, 1)


def cron(expression: str) -> ByCron:
    return ByCron(expression=expression)


def every(count: int, unit: Unit, *start: int) -> ByInterval:
    return ByInterval(start=utc(*start), every=count, unit=unit)


@settings(deadline=None)
@given(time_triggers_drawn, moments)
def test_no_two_firings_are_closer_than_the_gap(booked: TimeTriggers, after: datetime) -> None:
    found = gap.minimum_gap(booked, after)
    listed = list(
        islice(preview.firings(lambda at: time_triggers.next_after(booked, at), after), 300)
    )
    gaps = [(later - earlier) // timedelta(seconds=1) for earlier, later in pairwise(listed)]
    if len(listed) < 300:
        assert found == (min(gaps, default=None), True, None)
    else:
        assert found.seconds is not None
        assert min(gaps) >= found.seconds


@pytest.mark.parametrize(
    ("triggers", "seconds"),
    [
        ((), None),
        ((cron("0 0 12 * * ? 2026"),), None),
        ((cron("0 0/10 * * * ?"),), 600),
        ((every(7, Unit.MINUTE, 1970, 1, 1),), 420),
        ((every(1, Unit.WEEK, 2030, 1, 1),), 7 * 86400),
        ((every(1, Unit.MONTH, 2020, 1, 31),), 28 * 86400),
        ((every(12, Unit.MONTH, 2020, 2, 29),), 365 * 86400),
        ((every(37, Unit.MONTH, 2023, 3, 30),), 1124 * 86400),
        ((every(1, Unit.MONTH, 9999, 12, 1),), None),
        ((every(5, Unit.MINUTE, 2020, 1, 1), every(7, Unit.MINUTE, 2020, 1, 1)), 60),
        ((cron("0 0 12 * * ?"), cron("0 0 12 * * ?")), 86400),
        ((cron("0 0 12 * * ?"), cron("0 0 12 ? * *")), 86400),
        ((cron("0 0 12 * * ?"), cron("30 0 12 * * ?")), 30),
        ((cron("0 55 23 * * ?"), cron("0 5 0 * * ?")), 600),
        ((cron("* * * * * ?"), every(1, Unit.MINUTE, 2020, 1, 1)), 1),
        ((every(1, Unit.HOUR, 2020, 1, 1), every(1, Unit.HOUR, 2020, 1, 1, 0, 0, 0, 500_000)), 0),
        ((cron("0 0 12 1 1 ? 2030"), cron("0 0 12 2 1 ? 2031")), 366 * 86400),
        ((cron("0 0 9 1 * ?"), every(1, Unit.MONTH, 2020, 1, 1, 8, 30)), 1800),
    ],
)
def test_the_gap_is_exact(
    triggers: tuple[time_triggers.TimeTrigger, ...], seconds: int | None
) -> None:
    found = gap.minimum_gap(TimeTriggers(triggers=triggers), NOW)
    assert (found.seconds, found.exact) == (seconds, True)


def test_what_is_disabled_does_not_count() -> None:
    noon, soon = cron("0 0 12 * * ?"), ByCron(expression="1 0 12 * * ?", enabled=False)
    assert gap.minimum_gap(TimeTriggers(triggers=(noon, soon)), NOW) == Gap(86400, exact=True)


def test_where_dates_decide_only_the_next_firings_are_known_together() -> None:
    weekly = TimeTriggers(triggers=(cron("0 0 12 ? * MON"), cron("0 5 12 ? * WED")))
    found = gap.minimum_gap(weekly, NOW)
    assert found.seconds == 2 * 86400 + 300
    assert not found.exact
    assert found.until is not None
    assert found.until > utc(2060, 1, 1)


def test_a_time_of_day_that_is_reached_late_counts_from_the_first_day() -> None:
    hourly = every(1, Unit.HOUR, 2026, 12, 31, 23, 30)
    found = gap.minimum_gap(TimeTriggers(triggers=(hourly, cron("0 28 12 1 1 ? 2150"))), NOW)
    assert found[:2] == (3600, False)


def test_a_hundred_busy_triggers_are_judged_without_counting_all_their_times() -> None:
    busy = TimeTriggers(triggers=tuple(cron(f"* * * {day} * ?") for day in range(1, 32)))
    assert gap.minimum_gap(busy, NOW)[:2] == (1, True)
    finer = ByInterval(start=utc(2028, 1, 1, 0, 0, 0, 1000), every=1, unit=Unit.DAY)
    found = gap.minimum_gap(TimeTriggers(triggers=(*busy.triggers, finer)), NOW)
    assert found[:2] == (1, False)
