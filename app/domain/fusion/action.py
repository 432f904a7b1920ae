"""Action: start or abort a job at a client's request, and whether the request was accepted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.domain.fusion.resource import Resource


class Action(StrEnum):
    """What a client requests of a job."""

    START = "start"
    ABORT = "abort"


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionResult:
    """Whether an action was accepted: idle jobs can be started, running ones aborted."""

    resource: Resource
    action: Action
    accepted: bool
    running: UUID | None = None
    """The run under way that prevented a start."""
