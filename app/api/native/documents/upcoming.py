"""Upcoming document: the next firing of a job."""

from __future__ import annotations

from collections.abc import Mapping

from app.api.native.codecs.generic_codec import Value
from app.api.native.codecs.schema import without_none
from app.domain import instants
from app.domain.dapr.schedule import DaprSchedule
from app.domain.native.trigger import Cron
from app.domain.upcoming import Upcoming


def render(firing: Upcoming, reason: str | None) -> Mapping[str, Value]:
    """The members of a firing; `reason` tells why it may be made later than it is due."""
    postponed = firing.expected.at if firing.postponed_for is not None else None
    return without_none(
        {
            "job": str(firing.expected.job_id),
            "name": firing.name,
            "due": instants.format_utc(firing.due_at),
            "expected": None if postponed is None else instants.format_utc(postponed),
            "dialect": str(firing.dialect),
            "recurring": firing.is_recurring,
            **_render_schedule(firing),
            "remaining": firing.remaining,
            # The URL of another dialect's job is a path below its endpoint.
            "url": None if firing.url.startswith("/") else firing.url,
            "endpoint": firing.endpoint or None,
            "tags": list(firing.tags) or None,
            "reason": reason,
        }
    )


def _render_schedule(firing: Upcoming) -> Mapping[str, Value]:
    """How often the job fires; a one-time job has only its due time."""
    match firing.trigger:
        case Cron(expression=expression, local=local):
            return {"cron": expression, "timezone": None if local is None else local.timezone}
        case DaprSchedule(schedule=written):
            return {"schedule": written}
        case _:
            return {}
