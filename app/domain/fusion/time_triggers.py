"""Time triggers: all time triggers of one Fusion job in one value, with one next firing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from app.domain import quartz
from app.domain.fusion.intervals import ByInterval, Unit, next_of_interval
from app.domain.instants import format_utc

KIND: Final = "calendar"
"""The kind under which they are stored, as in existing rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ByCron:
    """Due whenever `expression` (Quartz dialect) matches, in UTC."""

    expression: str
    enabled: bool = True


TimeTrigger = ByCron | ByInterval


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeTriggers:
    """Due whenever one of the enabled triggers is due, once if several are; may be empty."""

    triggers: tuple[TimeTrigger, ...] = ()


def next_after(timed: TimeTriggers, after: datetime) -> datetime | None:
    """Return the first firing strictly after `after` (aware), in UTC; None if none is left.

    Raises InvalidMember for `cron` if an expression cannot be read.
    """
    earliest = None
    for trigger in timed.triggers:
        if trigger.enabled:
            found = next_of(trigger, after)
            if found is not None and (earliest is None or found < earliest):
                earliest = found
    return earliest


def next_of(trigger: TimeTrigger, after: datetime) -> datetime | None:
    """Return the first firing of one trigger strictly after `after`, even if it is disabled."""
    match trigger:
        case ByCron(expression=expression):
            return quartz.next_after(quartz.parse(expression), after)
        case ByInterval():
            return next_of_interval(trigger, after)


def keep_anchors(timed: TimeTriggers, before: TimeTriggers) -> TimeTriggers:
    """Return `timed` with the anchors from `before` for intervals without a start of their own.

    So a schedule that is saved again keeps the due times of its intervals, even if other triggers
    change.
    """
    anchors = [
        trigger
        for trigger in before.triggers
        if isinstance(trigger, ByInterval) and not trigger.given
    ]
    kept: list[TimeTrigger] = []
    for trigger in timed.triggers:
        found = None
        if isinstance(trigger, ByInterval) and not trigger.given:
            found = next((each for each in anchors if _same_pace(each, trigger)), None)
        if found is not None and isinstance(trigger, ByInterval):
            anchors.remove(found)
            trigger = replace(trigger, start=found.start)  # noqa: PLW2901 - the same, anchored
        kept.append(trigger)
    return TimeTriggers(triggers=tuple(kept))


def anchored_by(timed: TimeTriggers, now: datetime) -> TimeTriggers:
    """Return `timed` with no anchor later than `now`, unless the client gave it."""
    return TimeTriggers(
        triggers=tuple(
            replace(each, start=now)
            if isinstance(each, ByInterval) and not each.given and each.start > now
            else each
            for each in timed.triggers
        )
    )


def _same_pace(one: ByInterval, other: ByInterval) -> bool:
    return one.every == other.every and one.unit is other.unit


def to_document(timed: TimeTriggers) -> dict[str, Any]:
    """Return the form in which time triggers are stored; `from_document` reads it."""
    return {"kind": KIND, "triggers": [_written(trigger) for trigger in timed.triggers]}


def from_document(document: Mapping[str, Any]) -> TimeTriggers:
    """Return the time triggers stored as `document`; raises ValueError for another kind."""
    if document["kind"] != KIND:
        raise ValueError(f"these are not time triggers: kind {document['kind']!r}")
    return TimeTriggers(triggers=tuple(_read(each) for each in document["triggers"]))


def _written(trigger: TimeTrigger) -> dict[str, Any]:
    match trigger:
        case ByCron(expression=expression, enabled=enabled):
            return {"cron": expression, "enabled": enabled}
        case ByInterval():
            written = {
                "start": format_utc(trigger.start),
                "every": trigger.every,
                "unit": str(trigger.unit),
                "given": trigger.given,
                "enabled": trigger.enabled,
            }
            if trigger.end is not None:
                written["end"] = format_utc(trigger.end)
            return written


def _read(written: Mapping[str, Any]) -> TimeTrigger:
    if "cron" in written:
        return _cron(written["cron"], written["enabled"])
    return ByInterval(
        start=datetime.fromisoformat(written["start"]),
        every=written["every"],
        unit=Unit(written["unit"]),
        end=datetime.fromisoformat(written["end"]) if "end" in written else None,
        given=written["given"],
        enabled=written["enabled"],
    )


@lru_cache(maxsize=16384)
def _cron(expression: str, enabled: bool) -> ByCron:  # noqa: FBT001 - as it is stored
    # A scheduler reads the same few expressions thousands of times a second.
    return ByCron(expression=expression, enabled=enabled)
