"""Summary: the time triggers of a Fusion job in English, in one line."""

from __future__ import annotations

from typing import Final

from app.domain.fusion.intervals import ByInterval
from app.domain.fusion.time_triggers import ByCron, TimeTrigger, TimeTriggers
from app.domain.instants import format_utc
from app.domain.quartz import summary as quartz_summary

_MAX_NAMED: Final = 4
"""The most triggers that are named one by one."""


def summarize(timed: TimeTriggers) -> str:
    """Return when the enabled triggers are due; raises InvalidMember for an unreadable one."""
    enabled = [each for each in timed.triggers if each.enabled]
    if not enabled:
        return "never: each trigger is disabled" if timed.triggers else "after other jobs"
    named = [_summarize(each) for each in enabled[:_MAX_NAMED]]
    if enabled[_MAX_NAMED:]:
        named.append(f"and by {len(enabled) - _MAX_NAMED} more triggers")
    return "; ".join(named)


def _summarize(trigger: TimeTrigger) -> str:
    match trigger:
        case ByCron(expression=expression):
            return quartz_summary.summarize(expression)
        case ByInterval(every=every, unit=unit, end=end):
            pace = f"every {unit}" if every == 1 else f"every {every} {unit}s"
            return pace if end is None else f"{pace}, until {format_utc(end)}"
