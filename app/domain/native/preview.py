"""Preview of a native trigger: its next firings, and why it may not be booked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from app.domain.native import expression
from app.domain.native import trigger as native_trigger
from app.domain.native.limits import minimum_gap, next_after, objection
from app.domain.native.trigger import NativeTrigger, clock_of
from app.domain.one_time import At
from app.domain.preview import Preview, describe_clock_changes, firings
from app.domain.zones import Zone


def preview_trigger(trigger: NativeTrigger, *, after: datetime, count: int, zone: Zone) -> Preview:
    """What a trigger would do if it were booked at `after`; raises InvalidMember if unreadable."""
    found = firings(lambda instant: next_after(trigger, instant), after)
    listed = tuple(islice(found, count))
    refusal = objection(trigger, after)
    return Preview(
        next=listed,
        minimum_gap=minimum_gap(trigger, after),
        reasons=() if refusal is None else (f"{refusal.message} {refusal.remedy}",),
        warnings=tuple(_warnings(trigger, after, listed)),
        zone=zone,
        summary="once" if isinstance(trigger, At) else native_trigger.summarize(trigger),
    )


def _warnings(
    trigger: NativeTrigger, after: datetime, listed: tuple[datetime, ...]
) -> Iterator[str]:
    if isinstance(trigger, At):
        return
    days = expression.warn_of_days(trigger.expression)
    if days is not None:
        yield days
    if trigger.local is not None:
        clock, schedule = clock_of(trigger.local), expression.parse(trigger.expression)
        yield from describe_clock_changes(clock, schedule, after=after, listed=listed)
