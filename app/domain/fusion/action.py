"""Action: what can be asked of a job besides its schedule, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from app.domain.fusion.resource import Resource


class Action(StrEnum):
    """What a job is asked to do."""

    START = "start"
    ABORT = "abort"


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionResult:
    """Whether an action was accepted: a running job cannot be started, another not aborted."""

    resource: Resource
    action: Action
    accepted: bool
    running: UUID | None = None
    """The run under way because of which a start was not accepted."""
