"""The trigger of a recurring Dapr job: due at each tick of its schedule, from its start on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from app.domain import instants, quartz
from app.domain.dapr.reader import Every, Fields, read
from app.domain.instants import format_utc

KIND: Final = "ticks"
_MICRO: Final = timedelta(microseconds=1)
_NANOSECONDS: Final = 1000
"""In a microsecond, which is as finely as instants are kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DaprSchedule:
    """Due at `first`, if it is given, and then at each tick of `schedule`; instants are in UTC."""

    schedule: str
    """As the client wrote it."""
    start: datetime
    """The instant from which the ticks of an `@every` are counted: `first` or, where that is not
    given, when the job was booked, which is not a tick itself."""
    first: datetime | None = None
    until: datetime | None = None
    """The last instant at which a tick is made."""


def next_after(trigger: DaprSchedule, after: datetime) -> datetime | None:
    """The first tick strictly after `after` (aware), in UTC; None when none is left.

    Raises Refusal for `schedule` where that cannot be read.
    """
    if trigger.first is not None and after < trigger.first:
        found: datetime | None = trigger.first
    else:
        found = next_tick(read(trigger.schedule), trigger.start, max(after, trigger.start))
    if found is None or (trigger.until is not None and found > trigger.until):
        return None
    return found


def next_tick(schedule: Every | Fields, start: datetime, after: datetime) -> datetime | None:
    """The first tick after `after`, which must not be before `start`; ignores any end."""
    if isinstance(schedule, Fields):
        if schedule.clock is None:
            return quartz.next_after(schedule.schedule, after)
        return quartz.next_after_on(schedule.clock, schedule.schedule, after)
    step = step_of(schedule)
    # Tick n is start + n × step, rounded up to the microsecond: never early, without drift.
    number = (after - start) // _MICRO * _NANOSECONDS // step + 1
    try:
        return start.astimezone(UTC) + -(-number * step // _NANOSECONDS) * _MICRO
    except OverflowError:
        return None


def step_of(every: Every) -> int:
    """Nanoseconds between two ticks: at least a microsecond, so that no two are at one instant."""
    return max(every.period, _NANOSECONDS)


def to_document(trigger: DaprSchedule) -> dict[str, Any]:
    """The form in which the trigger is stored; `from_document` reads it back."""
    document = {"kind": KIND, "schedule": trigger.schedule, "start": format_utc(trigger.start)}
    if trigger.first is not None:
        document["first"] = format_utc(trigger.first)
    if trigger.until is not None:
        document["until"] = format_utc(trigger.until)
    return document


def from_document(document: Mapping[str, Any]) -> DaprSchedule:
    """The trigger stored as `document`."""
    return _stored(
        document["schedule"], document["start"], document.get("first"), document.get("until")
    )


@lru_cache(maxsize=16384)
def _stored(schedule: str, start: str, first: str | None, until: str | None) -> DaprSchedule:
    # A scheduler reads the document of one job again at each of its ticks.
    return DaprSchedule(
        schedule=schedule,
        start=instants.parse(start, member="start"),
        first=None if first is None else instants.parse(first, member="first"),
        until=None if until is None else instants.parse(until, member="until"),
    )
