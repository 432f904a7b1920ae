"""Time triggers drawn at random, and their firings found by walking from the start."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from app.domain import quartz
from app.domain.fusion.intervals import ByInterval, Unit
from app.domain.fusion.time_triggers import ByCron, TimeTrigger, TimeTriggers

_SECONDS: Final = {Unit.MINUTE: 60, Unit.HOUR: 3600, Unit.DAY: 86400, Unit.WEEK: 604800}


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year to microsecond


_SEVEN_YEARS: Final = 7 * 366 * 86_400_000
moments = st.integers(0, _SEVEN_YEARS).map(
    lambda passed: utc(2023, 1, 1) + timedelta(milliseconds=passed)
)
crons = st.sampled_from(
    [
        *("0 0 12 * * ?", "0 15 10 ? * MON-FRI", "30 0/20 8-9 L * ?", "0 0 0 29 2 ?"),
        *("0 0 12 1 1 ? 2025", "0 30 6 ? * 6#3"),
    ]
)
by_cron = st.builds(ByCron, expression=crons, enabled=st.booleans())
by_interval = st.builds(
    ByInterval,
    start=moments,
    every=st.integers(1, 40),
    unit=st.sampled_from(Unit),
    end=st.none() | moments,
    given=st.booleans(),
    enabled=st.booleans(),
)
time_triggers_drawn = st.lists(by_cron | by_interval, max_size=4).map(
    lambda triggers: TimeTriggers(triggers=tuple(triggers))
)


def counted(start: datetime, unit: Unit, units: int) -> datetime:
    """`start` and so many units more, months by counting them off one by one."""
    if unit is not Unit.MONTH:
        return start + timedelta(seconds=_SECONDS[unit] * units)
    year, month = start.year, start.month
    for _ in range(units):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))


def walked(trigger: TimeTrigger, after: datetime, until: datetime) -> Iterator[datetime]:
    """The firings of one trigger after `after` and before `until`."""
    if not trigger.enabled:
        return
    if isinstance(trigger, ByCron):
        found = quartz.next_after(quartz.parse(trigger.expression), after)
        while found is not None and found < until:
            yield found
            found = quartz.next_after(quartz.parse(trigger.expression), found)
        return
    number, at = 0, trigger.start
    while at < until and (trigger.end is None or at <= trigger.end):
        if at > after:
            yield at
        number += trigger.every
        at = counted(trigger.start, trigger.unit, number)
