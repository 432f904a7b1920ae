"""Native triggers: once at an instant, or by a cron expression in UTC or in a time zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from app.domain import quartz
from app.domain.clocks import Clock, OnGap, OnOverlap, clock
from app.domain.native import expression
from app.domain.one_time import At

KIND: Final = "cron"


@dataclass(frozen=True, kw_only=True, slots=True)
class Local:
    """The clock that a cron expression is evaluated on."""

    timezone: str
    """The name of a time zone, such as Europe/Berlin."""
    on_gap: OnGap | None = None
    """What the job does at local times that do not exist; None: what Quartz does."""
    on_overlap: OnOverlap | None = None
    """When the job fires at local times that are shown twice; None: when Quartz does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cron:
    """Due whenever `expression` (crontab or Quartz) matches on the clock of `local`, or in UTC."""

    expression: str
    local: Local | None = None


NativeTrigger = At | Cron


def next_after(trigger: Cron, after: datetime) -> datetime | None:
    """Return the first firing strictly after `after` (aware), in UTC; None if none is left.

    Raises InvalidMember for a `cron` or a `timezone` that cannot be read.
    """
    schedule = expression.parse(trigger.expression)
    if trigger.local is None:
        return quartz.next_after(schedule, after)
    return quartz.next_after_on(clock_of(trigger.local), schedule, after)


def clock_of(local: Local) -> Clock:
    """The clock that an expression is evaluated on; raises InvalidMember for `timezone`."""
    return clock(local.timezone, local.on_gap, local.on_overlap)


def summarize(trigger: Cron) -> str:
    """Return in English when the trigger is due; raises InvalidMember."""
    return expression.summarize(
        trigger.expression, "UTC" if trigger.local is None else trigger.local.timezone
    )


def to_document(trigger: Cron) -> dict[str, Any]:
    """Return the form in which the trigger is stored; `from_document` reads it.

    An expression in a time zone is stored under another name, `local`. An earlier release that
    does not know time zones, and runs beside this one, would otherwise evaluate it in UTC.
    """
    if trigger.local is None:
        return {"kind": KIND, "expression": trigger.expression}
    rules = {"onGap": trigger.local.on_gap, "onOverlap": trigger.local.on_overlap}
    return {
        "kind": KIND,
        "local": trigger.expression,
        "timezone": trigger.local.timezone,
        **{name: str(rule) for name, rule in rules.items() if rule is not None},
    }


def from_document(document: Mapping[str, Any]) -> Cron:
    """The trigger stored as `document`."""
    if "expression" in document:
        return _in_utc(document["expression"])
    return Cron(expression=document["local"], local=_local_from(document))


@lru_cache(maxsize=16384)
def _in_utc(written: str) -> Cron:
    # A scheduler reads the same few expressions thousands of times a second.
    return Cron(expression=written)


def _local_from(document: Mapping[str, str]) -> Local:
    return Local(
        timezone=document["timezone"],
        on_gap=OnGap(document["onGap"]) if "onGap" in document else None,
        on_overlap=OnOverlap(document["onOverlap"]) if "onOverlap" in document else None,
    )
