"""Limits of native triggers: a future firing, and firings that are at least 600 seconds apart."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from app.domain import one_time, quartz
from app.domain.instants import format_utc
from app.domain.native import expression
from app.domain.native import trigger as native_trigger
from app.domain.native.trigger import Cron, NativeTrigger, clock_of
from app.domain.one_time import At
from app.errors import InvalidMember

MINIMUM_GAP: Final = 600
"""Seconds from one firing of a cron expression to the next, at least (spec 003)."""


def objection(trigger: NativeTrigger, now: datetime) -> InvalidMember | None:
    """Return why a readable trigger may not be booked at `now`; None if it may."""
    if next_after(trigger, now) is None:
        return never_fires(trigger)
    return too_frequent(trigger, now) if isinstance(trigger, Cron) else None


def next_after(trigger: NativeTrigger, after: datetime) -> datetime | None:
    """Return the first firing strictly after `after` (aware), in UTC; None if none is left."""
    if isinstance(trigger, At):
        return one_time.next_after(trigger, after)
    return native_trigger.next_after(trigger, after)


def minimum_gap(trigger: NativeTrigger, after: datetime) -> int | None:
    """Return the fewest seconds between two firings after `after`; None if there is no pair."""
    if isinstance(trigger, At):
        return None
    schedule = expression.parse(trigger.expression)
    if trigger.local is None:
        return quartz.minimum_gap(schedule, after=after)
    gap = quartz.closest_on(clock_of(trigger.local), schedule, after=after)
    return None if gap is None else gap.seconds


def never_fires(trigger: NativeTrigger) -> InvalidMember:
    """Return the error for a trigger that has no firing left."""
    if isinstance(trigger, At):
        return InvalidMember(
            "when",
            f"`when` is {format_utc(trigger.instant)}, which is not in the future.",
            remedy="Give an instant that is in the future.",
        )
    return InvalidMember(
        "cron",
        "The `cron` expression never fires again.",
        remedy="Give an expression that matches a date that exists, in this year or a later one.",
    )


def too_frequent(trigger: Cron, now: datetime) -> InvalidMember | None:
    """Return the error for an expression that fires twice within MINIMUM_GAP; None if none does."""
    schedule, local = expression.parse(trigger.expression), trigger.local
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
        f"The `cron` expression fires again after {gap} second{'' if gap == 1 else 's'}{where}.",
        remedy=f"Leave at least {MINIMUM_GAP} seconds between any two firings.",
    )
