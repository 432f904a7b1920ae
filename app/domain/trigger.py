"""Trigger: when a job is due, in whatever dialect, and what may be booked natively."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from app.domain import instants, quartz
from app.domain.clocks import Clock, OnGap, OnOverlap, clock
from app.domain.dapr import schedule as dapr_schedule
from app.domain.dapr.schedule import DaprSchedule
from app.domain.fusion import time_triggers
from app.domain.fusion.time_triggers import TimeTriggers
from app.domain.instants import format_utc
from app.errors import InvalidMember

MINIMUM_GAP: Final = 600


@dataclass(frozen=True, kw_only=True, slots=True)
class At:
    """Due once, at `instant` (UTC)."""

    instant: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Local:
    """The clock of `timezone`, and what its changes do; None is as Quartz has it."""

    timezone: str
    on_gap: OnGap | None = None
    on_overlap: OnOverlap | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cron:
    """Due whenever `expression` (Quartz dialect) matches on the clock of `local`, or in UTC."""

    expression: str
    local: Local | None = None


Native = At | Cron
Trigger = Native | DaprSchedule | TimeTriggers


def is_recurring(trigger: Trigger) -> bool:
    """Whether a firing may be followed by another."""
    return not isinstance(trigger, At)


def is_serial(trigger: Trigger) -> bool:
    """Whether a firing waits until the one before it is settled: no two calls overlap."""
    return not isinstance(trigger, Native)


def is_permanent(trigger: Trigger) -> bool:
    """Whether a job stays though nothing is to come of it by itself."""
    return isinstance(trigger, TimeTriggers)


def next_after(trigger: Trigger, after: datetime) -> datetime | None:
    """The first firing strictly after `after` (aware), in UTC; None when none is left.

    Raises InvalidMember for `cron` or `timezone` when they cannot be read.
    """
    match trigger:
        case At(instant=instant):
            return instant if instant > after else None
        case Cron(expression=expression, local=local):
            schedule = quartz.parse(expression)
            if local is None:
                return quartz.next_after(schedule, after)
            return quartz.next_after_on(clock_of(local), schedule, after)
        case DaprSchedule():
            return dapr_schedule.next_after(trigger, after)
        case TimeTriggers():
            return time_triggers.next_after(trigger, after)


def clock_of(local: Local) -> Clock:
    """The clock that a trigger goes by; raises InvalidMember for `timezone`."""
    return clock(local.timezone, local.on_gap, local.on_overlap)


def first_firing(trigger: Trigger, now: datetime) -> datetime:
    """The firing to book at `now` (aware), in UTC.

    Raises InvalidMember: for `when` an instant that is not in the future; for `cron` an
    expression that cannot be read, never fires again, or fires more often than once in
    MINIMUM_GAP seconds (spec 003, "What's in a job?"); for `timezone` one that is none.
    """
    first = next_after(trigger, now)
    if first is None:
        raise _over(trigger)
    refusal = _too_frequent(trigger, now)
    if refusal is not None:
        raise refusal
    return first


def objection(trigger: Native, now: datetime) -> InvalidMember | None:
    """Why a trigger that can be read may not be booked at `now`; None if it may."""
    if next_after(trigger, now) is None:
        return _over(trigger)
    return _too_frequent(trigger, now)


def minimum_gap(trigger: Native, after: datetime) -> int | None:
    """The fewest seconds between two firings after `after`; None when there is one at most."""
    match trigger:
        case At():
            return None
        case Cron(expression=expression, local=local):
            schedule = quartz.parse(expression)
            if local is None:
                return quartz.minimum_gap(schedule, after=after)
            gap = quartz.closest_on(clock_of(local), schedule, after=after)
            return None if gap is None else gap.seconds


def _over(trigger: Trigger) -> InvalidMember:
    match trigger:
        case At(instant=instant):
            return InvalidMember(
                "when",
                f"{format_utc(instant)} is not in the future.",
                remedy="Name an instant that is still to come, by the clock of this server.",
            )
        case Cron():
            return InvalidMember(
                "cron",
                "The expression never fires again.",
                remedy="Name a date that exists, in a year that is still to come.",
            )
        case DaprSchedule():
            return InvalidMember(
                "schedule",
                "The schedule never fires again.",
                remedy="Name a date that exists, and an end that is still to come.",
            )
        case TimeTriggers():
            return InvalidMember(
                "triggers",
                "No trigger fires again.",
                remedy="Name one that does, or the job that this one follows.",
            )


def _too_frequent(trigger: Trigger, now: datetime) -> InvalidMember | None:
    if not isinstance(trigger, Cron):
        return None
    schedule, local = quartz.parse(trigger.expression), trigger.local
    where = ""
    if local is None:
        gap = quartz.gap_below(schedule, MINIMUM_GAP, after=now)
    else:
        found = quartz.closest_on_below(clock_of(local), schedule, MINIMUM_GAP, after=now)
        gap = None if found is None else found.seconds
        if found is not None and found.change is not None:
            where = f" when the clock of {local.timezone} changes at {format_utc(found.change)}"
    if gap is None:
        return None
    return InvalidMember(
        "cron",
        f"The expression fires again after {gap} second{'' if gap == 1 else 's'}{where}.",
        remedy=f"Leave at least {MINIMUM_GAP} seconds between any two firings.",
    )


def to_document(trigger: Trigger) -> dict[str, Any]:
    """The form in which a trigger is stored, with what was given; `from_document` reads it back.

    In a zone the expression has another name, so that a release that knows of no zones cannot
    take it for one in UTC while both run.
    """
    match trigger:
        case At(instant=instant):
            return {"kind": "at", "at": format_utc(instant)}
        case Cron(expression=expression, local=local):
            if local is None:
                return {"kind": "cron", "expression": expression}
            rules = {"onGap": local.on_gap, "onOverlap": local.on_overlap}
            return {
                "kind": "cron",
                "local": expression,
                "timezone": local.timezone,
                **{name: str(rule) for name, rule in rules.items() if rule is not None},
            }
        case DaprSchedule():
            return dapr_schedule.to_document(trigger)
        case TimeTriggers():
            return time_triggers.to_document(trigger)


def from_document(document: Mapping[str, Any]) -> Trigger:
    """The trigger stored as `document`; raises ValueError for a kind it does not know."""
    match document["kind"]:
        case "at":
            return At(instant=instants.parse(document["at"], member="at"))
        case "cron" if "expression" in document:
            return _in_utc(document["expression"])
        case "cron":
            return Cron(expression=document["local"], local=_local_from(document))
        case dapr_schedule.KIND:
            return dapr_schedule.from_document(document)
        case time_triggers.KIND:
            return time_triggers.from_document(document)
        case kind:
            raise ValueError(f"no trigger is of the kind {kind!r}")


@lru_cache(maxsize=16384)
def _in_utc(expression: str) -> Cron:
    # A scheduler reads the same few expressions thousands of times a second.
    return Cron(expression=expression)


def _local_from(document: Mapping[str, str]) -> Local:
    return Local(
        timezone=document["timezone"],
        on_gap=OnGap(document["onGap"]) if "onGap" in document else None,
        on_overlap=OnOverlap(document["onOverlap"]) if "onOverlap" in document else None,
    )
