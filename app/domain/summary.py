"""Summary: when a job of any dialect is due, in English, in one line."""

from __future__ import annotations

from app.domain.dapr import summary as dapr_summary
from app.domain.dapr.schedule import DaprSchedule
from app.domain.fusion import summary as fusion_summary
from app.domain.fusion.time_triggers import TimeTriggers
from app.domain.native import trigger as native_trigger
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.trigger import Trigger


def summarize(trigger: Trigger, remaining: int | None = None) -> str:
    """Return when a trigger is due; `remaining` is how often it fires yet, None for no limit.

    Raises InvalidMember or, for a Dapr schedule, Refusal where it cannot be read.
    """
    match trigger:
        case At():
            return "once"
        case Cron():
            return native_trigger.summarize(trigger)
        case DaprSchedule():
            text = dapr_summary.summarize(trigger)
        case TimeTriggers():
            text = fusion_summary.summarize(trigger)
    if remaining is None:
        return text
    return f"{text}, {remaining} more time{'' if remaining == 1 else 's'}"
