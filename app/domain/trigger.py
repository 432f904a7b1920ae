"""Trigger: the triggers of all dialects as one type, and what holds for each of them.

Each dialect defines its own triggers: app/domain/native/trigger.py, app/domain/dapr/schedule.py,
app/domain/fusion/time_triggers.py. This module only dispatches on them, and stands above them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.domain import one_time
from app.domain.dapr import booking as dapr_booking
from app.domain.dapr import schedule as dapr_schedule
from app.domain.dapr.booking import Times
from app.domain.dapr.schedule import DaprSchedule
from app.domain.fusion import time_triggers
from app.domain.fusion.time_triggers import TimeTriggers
from app.domain.native import limits as native_limits
from app.domain.native import trigger as native_trigger
from app.domain.native.trigger import Cron, NativeTrigger
from app.domain.one_time import At
from app.errors import InvalidMember

Trigger = NativeTrigger | DaprSchedule | TimeTriggers


def is_recurring(trigger: Trigger) -> bool:
    """Return whether the trigger may fire more than once."""
    return not isinstance(trigger, At)


def is_serial(trigger: Trigger) -> bool:
    """Return whether a firing waits until the run before it has settled: no two calls overlap."""
    return not isinstance(trigger, NativeTrigger)


def is_permanent(trigger: Trigger) -> bool:
    """Return whether the job stays after its last firing, until a client deletes it."""
    return isinstance(trigger, TimeTriggers)


def next_after(trigger: Trigger, after: datetime) -> datetime | None:
    """Return the first firing strictly after `after` (aware), in UTC; None if none is left.

    Raises InvalidMember for a `cron`, a `schedule` or a `timezone` that cannot be read.
    """
    match trigger:
        case At():
            return one_time.next_after(trigger, after)
        case Cron():
            return native_trigger.next_after(trigger, after)
        case DaprSchedule():
            return dapr_schedule.next_after(trigger, after)
        case TimeTriggers():
            return time_triggers.next_after(trigger, after)


def counted_from(trigger: Trigger, written: Mapping[str, Any] | None, now: datetime) -> Trigger:
    """Return the trigger with nothing later than if its job was booked `now` (aware).

    `written` are the members of the job as its client gave them, where its dialect stores them.
    """
    match trigger:
        case At() | DaprSchedule():
            given = written or {}
            times = Times(due_time=given.get("dueTime"), ttl=given.get("ttl"))
            return dapr_booking.counted_from(trigger, times, now)
        case TimeTriggers():
            return time_triggers.anchored_by(trigger, now)
        case Cron():
            return trigger


def first_firing(trigger: Trigger, now: datetime) -> datetime:
    """Return the first firing of a job that is booked at `now` (aware), in UTC.

    Raises InvalidMember: for `when` if it is not in the future; for `cron` if it cannot be read,
    never fires again, or fires more often than once in MINIMUM_GAP seconds (spec 003, "What's in a
    job?"); for `timezone` if it is not a time zone; for `schedule` or `triggers` if they never
    fire again.
    """
    first = next_after(trigger, now)
    if first is None:
        raise _never_fires(trigger)
    refusal = native_limits.too_frequent(trigger, now) if isinstance(trigger, Cron) else None
    if refusal is not None:
        raise refusal
    return first


def _never_fires(trigger: Trigger) -> InvalidMember:
    match trigger:
        case At() | Cron():
            return native_limits.never_fires(trigger)
        case DaprSchedule():
            return InvalidMember(
                "schedule",
                "The `schedule` never fires again.",
                remedy="Give a date that exists, and an end that is in the future.",
            )
        case TimeTriggers():
            return InvalidMember(
                "triggers",
                "No trigger fires again.",
                remedy="Give a trigger that fires again, or one that follows another job.",
            )


def to_document(trigger: Trigger) -> dict[str, Any]:
    """Return the form in which a trigger is stored; `from_document` reads it."""
    match trigger:
        case At():
            return one_time.to_document(trigger)
        case Cron():
            return native_trigger.to_document(trigger)
        case DaprSchedule():
            return dapr_schedule.to_document(trigger)
        case TimeTriggers():
            return time_triggers.to_document(trigger)


def from_document(document: Mapping[str, Any]) -> Trigger:
    """Return the trigger stored as `document`; raises ValueError for an unknown kind."""
    match document["kind"]:
        case one_time.KIND:
            return one_time.from_document(document)
        case native_trigger.KIND:
            return native_trigger.from_document(document)
        case dapr_schedule.KIND:
            return dapr_schedule.from_document(document)
        case time_triggers.KIND:
            return time_triggers.from_document(document)
        case kind:
            raise ValueError(f"no trigger is of the kind {kind!r}")
