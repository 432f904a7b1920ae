"""Firing text: the title, destination and schedule of a job's next firing. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from app.domain.dapr.schedule import DaprSchedule
from app.domain.native.trigger import Cron
from app.domain.upcoming import Upcoming


def title(firing: Upcoming) -> str:
    """Return the title of a job without a name: the path of its URL, or part of its id."""
    path = firing.url if firing.endpoint else urlsplit(firing.url).path
    return path.strip("/") or f"{str(firing.expected.job_id)[:8]}…"


def destination(firing: Upcoming) -> str:
    """Return the host of the URL, or the Dapr app or Fusion runner that is called."""
    if firing.endpoint:
        return firing.endpoint
    return urlsplit(firing.url).netloc.rpartition("@")[2]


def schedule(firing: Upcoming) -> str:
    """Return how often the job fires: its expression, or `once`."""
    match firing.trigger:
        case Cron(expression=expression, local=local):
            return expression if local is None else f"{expression} {local.timezone}"
        case DaprSchedule(schedule=written):
            return written
        case _:
            return "recurring" if firing.is_recurring else "once"
