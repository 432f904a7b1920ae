"""Triggers of all dialects in English."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from app.domain.dapr.schedule import DaprSchedule
from app.domain.fusion.intervals import ByInterval, Unit
from app.domain.fusion.time_triggers import ByCron, TimeTriggers
from app.domain.native.trigger import Cron, Local
from app.domain.one_time import At
from app.domain.summary import summarize
from app.domain.trigger import Trigger
from tests.domain.dapr import expressions as dapr_expressions
from tests.domain.fusion.trigger_strategies import time_triggers_drawn
from tests.domain.quartz import expressions as quartz_expressions

NOW = datetime(2026, 11, 22, 9, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "summary"),
    [
        ("0 15 10 ? * *", "every day at 10:15, Europe/Berlin"),
        ("0 15 10 ? * MON-FRI", "at 10:15 from Monday to Friday, Europe/Berlin"),
        ("5 0 9,17 ? * 6L", "at 09:00:05 and 17:00:05 on the last Friday of the month"),
        ("0 0 0 1 1 ? 2027", "at 00:00 on the 1st of the month, in January, in 2027"),
        ("0 0 12 L * ? 2027-2035", "at 12:00 on the last day of the month, from 2027 to 2035"),
        ("0 0 12 * 6-8 ? 2027/30", "every day at 12:00, from June to August, in 6 years from"),
        ("0 0/15 9-17 ? * *", "every 15 minutes from 09:00 to 17:45, Europe/Berlin"),
        ("0 0/10 8,12,20 ? * MON", "every 10 minutes of hours 8, 12 and 20, on Monday, "),
        ("0 5/10 * 1 * ?", "every 10 minutes from minute 5, on the 1st of the month, Europe/"),
        ("0 0 0/3 * * ?", "every 3 hours from 00:00, Europe/Berlin"),
        ("0 0 8-20/2 * * ?", "every 2 hours from 08:00 to 20:00, Europe/Berlin"),
        ("0 0 8,9,11,13,14 * * ?", "every day at 08:00, 09:00, 11:00, 13:00 and 14:00, "),
        ("0 3-9 4 * * ?", "in minutes 3 to 9 of hour 4, Europe/Berlin"),
    ],
)
def test_a_time_or_a_day_is_named_with_its_zone(expression: str, summary: str) -> None:
    found = summarize(Cron(expression=expression, local=Local(timezone="Europe/Berlin")))
    assert found.startswith(summary)
    assert found.endswith(", Europe/Berlin")
    assert summarize(Cron(expression=expression)) == found.replace("Europe/Berlin", "UTC")


@pytest.mark.parametrize(
    ("expression", "summary"),
    [
        ("0 0 * * * ?", "every hour"),
        ("0 7 * * * ?", "every hour at minute 7"),
        ("9 0 * * * ?", "every hour at minute 0 at second 9"),
        ("0 1,7,22 * * * ?", "in minutes 1, 7 and 22 of every hour"),
        ("* * * * * ?", "every second"),
        ("0/10 * * * * ?", "every 10 seconds"),
        ("5/10 3 * * * ?", "every 10 seconds from second 5 of minute 3"),
        ("0 0/45 * * * ?", "in minutes 0 and 45 of every hour"),
    ],
)
def test_what_is_so_in_each_hour_needs_no_zone(expression: str, summary: str) -> None:
    local = Local(timezone="Europe/Berlin")
    assert summarize(Cron(expression=expression, local=local)) == summary


@pytest.mark.parametrize(
    ("schedule", "summary"),
    [
        ("@every 1h30m", "every 1 hour 30 minutes"),
        ("@every 1m", "every minute"),
        ("@every 48h", "every 2 days"),
        ("@every 1500ms", "every 1 second 500 milliseconds"),
        ("@every 0s", "every microsecond"),
        ("@daily", "every day at 00:00, UTC"),
        ("0 30 9 * * mon-fri", "at 09:30 from Monday to Friday, UTC"),
        (
            "CRON_TZ=Europe/Rome 0 0 8 1 * mon",
            "at 08:00 on the 1st of the month, and also on Monday, Europe/Rome",
        ),
    ],
)
def test_schedules_of_dapr(schedule: str, summary: str) -> None:
    assert summarize(DaprSchedule(schedule=schedule, start=NOW)) == summary


def test_ends_are_named() -> None:
    assert summarize(At(instant=NOW)) == "once"
    every = DaprSchedule(schedule="@every 5m", start=NOW, until=NOW)
    assert summarize(every, 3) == "every 5 minutes, until 2026-11-22T09:15:00Z, 3 more times"
    assert summarize(DaprSchedule(schedule="@hourly", start=NOW), 1) == "every hour, 1 more time"


def test_triggers_of_fusion_are_named_one_by_one() -> None:
    cron = ByCron(expression="0 15 10 ? * *")
    weekly = ByInterval(start=NOW, every=2, unit=Unit.WEEK, end=NOW)
    daily = ByInterval(start=NOW, every=1, unit=Unit.DAY)
    off = ByCron(expression="0 0 0 1 1 ?", enabled=False)
    found = summarize(TimeTriggers(triggers=(cron, off, weekly, daily)))
    assert found == (
        "every day at 10:15, UTC; every 2 weeks, until 2026-11-22T09:15:00Z; every day"
    )
    assert summarize(TimeTriggers()) == "after other jobs"
    assert summarize(TimeTriggers(triggers=(off,))) == "never: each trigger is disabled"
    many = summarize(TimeTriggers(triggers=(daily,) * 9))
    assert many == f"{'every day; ' * 4}and by 5 more triggers"


@settings(deadline=None)
@given(quartz_expressions.schedules())
def test_every_quartz_expression_has_a_summary(both: quartz_expressions.Both) -> None:
    found = summarize(Cron(expression=both.quartz))
    assert found.isprintable()
    assert found.startswith(("at ", "every ", "in "))


@settings(deadline=None)
@given(dapr_expressions.expressions())
def test_every_dapr_expression_has_a_summary(drawn: dapr_expressions.Expression) -> None:
    found = summarize(DaprSchedule(schedule=drawn.text, start=NOW))
    assert found.startswith(("at ", "every ", "in "))


@settings(deadline=None)
@given(time_triggers_drawn)
def test_all_time_triggers_has_a_summary(drawn: TimeTriggers) -> None:
    trigger: Trigger = drawn
    assert summarize(trigger)
