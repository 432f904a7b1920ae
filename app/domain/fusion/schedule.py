"""Schedule: when a Fusion job runs, which jobs it follows, and why it may not be saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from app.domain import quartz
from app.domain.checks import quoted
from app.domain.follow import Follow
from app.domain.fusion.intervals import ByInterval
from app.domain.fusion.resource import Resource
from app.domain.fusion.time_triggers import ByCron, TimeTriggers
from app.domain.fusion.triggers import AfterJob, Trigger
from app.domain.instants import format_millis
from app.domain.run import RunState

_BEGINNING: Final = datetime(1969, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A schedule as a client has sent it."""

    resource: Resource | None
    """The job; None in a preview that names none."""
    enabled: bool
    """Whether triggers start the job; in addition, each trigger is enabled or disabled."""
    triggers: tuple[Trigger, ...]
    """In the order of the document."""
    source_document: str
    """The document as JSON text, as it is stored and returned: times with milliseconds, booleans as
    booleans, members in the client's order, with nothing added but the resource."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedSchedule:
    """The schedule of a job that exists, as its document."""

    resource: str
    enabled: bool
    """Whether the job is enabled: it can also be paused through the native API."""
    source_document: str | None
    """The document as it was saved (see Schedule); None where no schedule was saved."""


class Objection(NamedTuple):
    """Why a readable schedule may not be saved: a trigger that can never start the job."""

    number: int
    """Which trigger, counted from 0."""
    part: Literal["expression", "end"]
    """Which of its members."""
    message: str
    remedy: str


def time_triggers_of(schedule: Schedule) -> TimeTriggers:
    """Return the time triggers of the schedule, including disabled ones; there may be none."""
    return TimeTriggers(
        triggers=tuple(each for each in schedule.triggers if not isinstance(each, AfterJob))
    )


def follows_of(schedule: Schedule) -> tuple[Follow, ...]:
    """Return the jobs whose ends start this one, by its enabled triggers: each job once, by name.

    They are the same whether the schedule as a whole is enabled or not.
    """
    states: dict[str, frozenset[RunState]] = {}
    for each in schedule.triggers:
        if isinstance(each, AfterJob) and each.enabled:
            states[each.upstream] = states.get(each.upstream, frozenset()) | each.states
    return tuple(Follow(upstream=each, states=states[each]) for each in sorted(states))


def objections(schedule: Schedule) -> Iterator[Objection]:
    """Return objections to the triggers that can be read, but can never start the job."""
    for number, each in enumerate(schedule.triggers):
        match each:
            case ByCron(expression=expression):
                if quartz.next_after(quartz.parse(expression), _BEGINNING) is None:
                    yield Objection(
                        number,
                        "expression",
                        f"{quoted(expression)} never matches a date that exists.",
                        "Use a day that the month has.",
                    )
            case ByInterval(start=start, end=end, given=True) if end is not None and end < start:
                yield Objection(
                    number,
                    "end",
                    f"endTime ({format_millis(end)}) is before startTime ({format_millis(start)}).",
                    "Use an endTime that is after startTime.",
                )
