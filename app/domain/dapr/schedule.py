"""Ticks: when a recurring Dapr job is due: at each tick of its schedule, from its start on."""

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
class Ticks:
    """Due at `first`, if there is one, and then whenever `schedule` says, up to `until` inclusive.

    `schedule` is as the client wrote it, the instants are in UTC. `start` is `first`, or when the
    job was made, which is no tick; the ticks of an `@every` are counted from it.
    """

    schedule: str
    start: datetime
    first: datetime | None = None
    until: datetime | None = None


def next_after(ticks: Ticks, after: datetime) -> datetime | None:
    """The first tick strictly after `after` (aware), in UTC; None when none is left.

    Raises Refusal for `schedule` where that cannot be read.
    """
    if ticks.first is not None and after < ticks.first:
        found: datetime | None = ticks.first
    else:
        found = following(read(ticks.schedule), ticks.start, max(after, ticks.start))
    if found is None or (ticks.until is not None and found > ticks.until):
        return None
    return found


def following(schedule: Every | Fields, start: datetime, after: datetime) -> datetime | None:
    """The first tick after `after`, which is not before `start`, as if none were the last."""
    if isinstance(schedule, Fields):
        if schedule.clock is None:
            return quartz.next_after(schedule.schedule, after)
        return quartz.next_after_on(schedule.clock, schedule.schedule, after)
    step = step_of(schedule)
    # Tick n is start + n × step, rounded up to the microsecond: never early, and never adrift.
    number = (after - start) // _MICRO * _NANOSECONDS // step + 1
    try:
        return start.astimezone(UTC) + -(-number * step // _NANOSECONDS) * _MICRO
    except OverflowError:
        return None


def step_of(every: Every) -> int:
    """Nanoseconds from one tick to the next: a microsecond at least, so that no two are one."""
    return max(every.period, _NANOSECONDS)


def to_document(ticks: Ticks) -> dict[str, Any]:
    """The form in which ticks are stored; `from_document` reads it back."""
    document = {"kind": KIND, "schedule": ticks.schedule, "start": format_utc(ticks.start)}
    if ticks.first is not None:
        document["first"] = format_utc(ticks.first)
    if ticks.until is not None:
        document["until"] = format_utc(ticks.until)
    return document


def from_document(document: Mapping[str, Any]) -> Ticks:
    """The ticks stored as `document`."""
    return _stored(
        document["schedule"], document["start"], document.get("first"), document.get("until")
    )


@lru_cache(maxsize=16384)
def _stored(schedule: str, start: str, first: str | None, until: str | None) -> Ticks:
    # A scheduler reads the document of one job again at each of its ticks.
    return Ticks(
        schedule=schedule,
        start=instants.parse(start, member="start"),
        first=None if first is None else instants.parse(first, member="first"),
        until=None if until is None else instants.parse(until, member="until"),
    )
