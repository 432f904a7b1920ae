"""Schedule: the document that says when a Fusion job runs; what is tolerated, kept and refused.

Either of the names a member goes by is taken, and told again as it came; members that nobody knows
are kept and told again, but not inside a trigger, where they could change when a job runs
(docs/decisions/0024-fusion-schedules.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final

from app.domain import quartz
from app.domain.checks import quoted
from app.domain.fusion import document, triggers
from app.domain.fusion import resource as resources
from app.domain.fusion.intervals import ByInterval
from app.domain.fusion.resource import Resource
from app.domain.fusion.time_triggers import ByCron, TimeTriggers
from app.domain.fusion.triggers import AfterJob, Trigger
from app.domain.instants import format_millis
from app.domain.job import Follow
from app.domain.run import RunState
from app.errors import InvalidMember

MAX_TRIGGERS: Final = 100
MAX_UNKNOWN: Final = 4096

_MEMBERS: Final = ("resource", "enabled", "triggers", "default")
_NEAR: Final = 0.75
_BEGINNING: Final = datetime(1969, 12, 31, tzinfo=UTC)
_NONE: Final = 'Give the list of triggers, all of them, or "triggers": [] for none.'


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """When a job runs: `enabled` is for the whole of it; `triggers` stand as in the document.

    `written` is the document as it is told again, ready for JSON: times with milliseconds,
    booleans as such, nothing filled in but the resource.
    """

    enabled: bool
    triggers: tuple[Trigger, ...]
    written: dict[str, Any]


def read(members: Mapping[str, Any], *, resource: Resource | None, now: datetime) -> Schedule:
    """The schedule in a document for the job `resource`, to be saved at `now`.

    Raises InvalidMember for what cannot be read, and for what may not be saved.
    """
    found = understand(members, resource=resource, now=now)
    for objection in objections(found):
        raise objection
    return found


def understand(members: Mapping[str, Any], *, resource: Resource | None, now: datetime) -> Schedule:
    """As `read`, but what can be read is not refused, whatever there is to say against it."""
    found: tuple[Trigger, ...] = ()
    written: dict[str, Any] = {} if resource is None else {"resource": str(resource)}
    unknown = 0
    for name, value in members.items():
        match name:
            case "resource":
                if value is not None:
                    written[name] = _resource(value, resource)
            case "enabled" | "default":
                if value is not None:
                    written[name] = document.flag(name, value)
            case "triggers":
                found, written[name] = _triggers(value, now)
            case _:
                unknown += len(name)
                if unknown > MAX_UNKNOWN:
                    # Comparing a name with the known ones is slow: no more names are compared
                    # than could be kept.
                    _check_unknown(members)
                _refuse_misspelt(name)
                written[name] = value
    document.given(written, "triggers", path="triggers", remedy=_NONE)
    _check_unknown(written)
    return Schedule(enabled=written.get("enabled", True), triggers=found, written=written)


def time_triggers_of(schedule: Schedule) -> TimeTriggers:
    """Its time triggers, those too that are disabled; there may be none."""
    return TimeTriggers(
        triggers=tuple(each for each in schedule.triggers if not isinstance(each, AfterJob))
    )


def follows_of(schedule: Schedule) -> tuple[Follow, ...]:
    """The jobs whose ends start this one, by its enabled triggers: each once, in order of name.

    Whether the schedule itself is enabled is not asked.
    """
    states: dict[str, frozenset[RunState]] = {}
    for each in schedule.triggers:
        if isinstance(each, AfterJob) and each.enabled:
            states[each.upstream] = states.get(each.upstream, frozenset()) | each.states
    return tuple(Follow(upstream=each, states=states[each]) for each in sorted(states))


def objections(schedule: Schedule) -> Iterator[InvalidMember]:
    """What speaks against saving a schedule that can be read: what can never start anything."""
    for number, each in enumerate(schedule.triggers):
        path = f"triggers[{number}]"
        match each:
            case ByCron(expression=expression):
                if quartz.next_after(quartz.parse(expression), _BEGINNING) is None:
                    name = _written_as(schedule, number, "value", "expression")
                    yield InvalidMember(
                        f"{path}.{name}",
                        f"{quoted(expression)} names no date that exists.",
                        remedy="Name a day that the month has.",
                    )
            case ByInterval(start=start, end=end, given=True) if end is not None and end < start:
                yield InvalidMember(
                    f"{path}.endTime",
                    f"endTime, {format_millis(end)}, lies before startTime, "
                    f"{format_millis(start)}.",
                    remedy="Let the interval end after it begins.",
                )


def _resource(value: object, expected: Resource | None) -> str:
    given = resources.parse(document.text("resource", value))
    if expected is not None and given != expected:
        raise InvalidMember(
            "resource",
            f"resource is {quoted(str(given))}, the path names {quoted(str(expected))}.",
            remedy="Leave it out, or name the job of the path.",
        )
    return str(given)


def _triggers(value: object, now: datetime) -> tuple[tuple[Trigger, ...], list[dict[str, Any]]]:
    if value is None:
        raise InvalidMember("triggers", "triggers is null.", remedy=_NONE)
    if not isinstance(value, list):
        raise InvalidMember("triggers", f"triggers is {document.kind(value)}.", remedy=_NONE)
    if len(value) > MAX_TRIGGERS:
        raise InvalidMember(
            "triggers",
            f"There are {len(value)} triggers.",
            remedy=f"Give at most {MAX_TRIGGERS}.",
        )
    read = [triggers.read(f"triggers[{number}]", each, now) for number, each in enumerate(value)]
    return tuple(trigger for trigger, _ in read), [shown for _, shown in read]


def _refuse_misspelt(name: str) -> None:
    # Kept as unknown, it would be told again as if it counted.
    near = get_close_matches(name.lower(), _MEMBERS, n=1, cutoff=_NEAR)
    if near:
        raise InvalidMember(
            document.inner("", name),
            f"There is no member {quoted(name)}.",
            remedy=f"Did you mean {near[0]}? The members are {', '.join(_MEMBERS)}; "
            "others are kept if their names are no likenesses of these.",
        )


def _check_unknown(written: Mapping[str, Any]) -> None:
    unknown = {name: value for name, value in written.items() if name not in _MEMBERS}
    length = len(json.dumps(unknown, ensure_ascii=False)) if unknown else 0
    if length > MAX_UNKNOWN:
        raise InvalidMember(
            document.inner("", next(iter(unknown))),
            f"Members that have no meaning here take {length} characters.",
            remedy=f"Send at most {MAX_UNKNOWN} characters besides {', '.join(_MEMBERS)}.",
        )


def _written_as(schedule: Schedule, number: int, *names: str) -> str:
    written = schedule.written["triggers"][number]
    return next(name for name in names if name in written)
