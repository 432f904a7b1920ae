"""Fusion jobs as their clients know them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tests.simulation.receivers import RUNNER
from tests.simulation.schedules import AnySchedule

RUNNER_ADDRESS: Final = "127.0.0.1:8082"
TASK_ADDRESS: Final = "127.0.0.1:8081"


@dataclass(frozen=True, slots=True)
class Follow:
    """A job starts when another one, the resource, ends in one of these states of a run."""

    resource: str
    states: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class FusionSchedule:
    """When a job starts."""

    times: AnySchedule
    follows: tuple[Follow, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FusionChange:
    """What a client has done to a job, and when it was answered."""

    at: datetime
    what: str
    """`book`, `replace`, `disable`, `enable` or `delete`."""
    schedule: FusionSchedule | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A time between two changes of a job."""

    begins: datetime
    ends: datetime
    schedule: FusionSchedule
    is_enabled: bool
    ending: str | None
    """The change that ends it; None where the simulation does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """A start or an abort that was requested."""

    at: datetime
    what: str
    accepted: bool | None
    """None where there was no answer."""


@dataclass(slots=True)
class FusionLife:
    """What the client of a job knows about it."""

    name: str
    kind: str
    """`task` or `datasource`."""
    changes: list[FusionChange] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    id: str | None = None

    @property
    def resource(self) -> str:
        """Its identity."""
        return f"{self.kind}:{self.name}"

    @property
    def path(self) -> str:
        """The path under which its calls are recorded."""
        return f"/{self.name}" if self.kind == "task" else f"{RUNNER}/start/{self.resource}"

    @property
    def abort_path(self) -> str:
        """The path under which its runner records aborts."""
        return f"{RUNNER}/abort/{self.resource}"

    @property
    def schedule(self) -> FusionSchedule:
        """The one that counts now."""
        return next(each.schedule for each in reversed(self.changes) if each.schedule)

    def is_gone(self) -> bool:
        """Whether it was deleted, or never made."""
        return not self.changes or self.changes[-1].what == "delete"

    def is_enabled(self) -> bool:
        """Whether its triggers start it."""
        switches = [each.what for each in self.changes if each.what in {"disable", "enable"}]
        return not switches or switches[-1] == "enable"

    def due_between(self, after: datetime, until: datetime) -> list[datetime]:
        """Its own firings after the one instant and not after the other."""
        return self.schedule.times.between(after, until) if self.is_enabled() else []

    def spans(self, ended: datetime) -> Iterator[Span]:
        """Its life, cut where its client has changed it."""
        schedule: FusionSchedule | None = None
        is_enabled = True
        for index, change in enumerate(self.changes):
            schedule = change.schedule or schedule
            if change.what in {"disable", "enable"}:
                is_enabled = change.what == "enable"
            if schedule is None or change.what == "delete":
                return
            following = self.changes[index + 1] if index + 1 < len(self.changes) else None
            yield Span(
                begins=change.at,
                ends=following.at if following else ended,
                schedule=schedule,
                is_enabled=is_enabled,
                ending=following.what if following else None,
            )
