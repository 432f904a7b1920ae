"""The schedule document: read tolerantly, and written as the client sent it.

A member that has two names is taken under either, and answered under the one that came. Unknown
members are kept and answered, but refused inside a trigger, where they could change when a job runs
(docs/decisions/0024-fusion-schedules.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

import orjson

from app.api.fusion import json_reader, trigger_document
from app.domain.checks import quoted
from app.domain.fusion import resource as resources
from app.domain.fusion.resource import Resource
from app.domain.fusion.schedule import Objection, SavedSchedule, Schedule, objections
from app.domain.fusion.triggers import Trigger
from app.errors import InvalidMember

MAX_TRIGGERS: Final = 100
MAX_UNKNOWN: Final = 4096

MEMBERS: Final = ("resource", "enabled", "triggers", "default")
_NEAR: Final = 0.75
_NONE: Final = 'Give the complete list of triggers, or "triggers": [] for none.'
# The names of a member, either of which a trigger may have.
_NAMES: Final = {"expression": ("value", "expression"), "end": ("endTime",)}


def parse(members: Mapping[str, Any], *, resource: Resource | None, now: datetime) -> Schedule:
    """The schedule in a document for the job `resource`, to be saved at `now`.

    Raises InvalidMember for what cannot be read, and for what may not be saved.
    """
    found = parse_lenient(members, resource=resource, now=now)
    for objection in objections(found):
        raise InvalidMember(_path(found, objection), objection.message, remedy=objection.remedy)
    return found


def parse_lenient(
    members: Mapping[str, Any], *, resource: Resource | None, now: datetime
) -> Schedule:
    """As `parse`, but for a preview: a schedule that may not be saved is not refused."""
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
                    written[name] = json_reader.read_flag(name, value)
            case "triggers":
                found, written[name] = _triggers(value, now)
            case _:
                unknown += len(name)
                if unknown > MAX_UNKNOWN:
                    # Comparing a name with the known ones is slow: no more names are compared
                    # than may be kept.
                    _check_unknown(members)
                _refuse_misspelt(name)
                written[name] = value
    json_reader.require(written, "triggers", path="triggers", remedy=_NONE)
    _check_unknown(written)
    return Schedule(
        resource=resources.parse(written["resource"]) if "resource" in written else None,
        enabled=written.get("enabled", True),
        triggers=found,
        source_document=orjson.dumps(written).decode(),
    )


def render(schedule: Schedule) -> dict[str, Any]:
    """The document as the client sent it."""
    return _load(schedule.source_document)


def render_saved(saved: SavedSchedule) -> dict[str, Any]:
    """The document as it was saved, or one without triggers where none was.

    `enabled` is that of the job, which the native API may have paused or resumed since.
    """
    if saved.source_document is None:
        return {"resource": saved.resource, "enabled": saved.enabled, "triggers": []}
    document = _load(saved.source_document)
    if document.get("enabled", True) == saved.enabled:
        return document
    return {**document, "enabled": saved.enabled}


def _load(source_document: str) -> dict[str, Any]:
    members: dict[str, Any] = orjson.loads(source_document)
    return members


def _resource(value: object, expected: Resource | None) -> str:
    given = resources.parse(json_reader.read_text("resource", value))
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
        raise InvalidMember(
            "triggers", f"triggers must be a list, not {json_reader.describe(value)}.", remedy=_NONE
        )
    if len(value) > MAX_TRIGGERS:
        raise InvalidMember(
            "triggers",
            f"There are {len(value)} triggers, more than {MAX_TRIGGERS}.",
            remedy=f"Give at most {MAX_TRIGGERS}.",
        )
    read = [
        trigger_document.parse(f"triggers[{number}]", each, now)
        for number, each in enumerate(value)
    ]
    return tuple(trigger for trigger, _ in read), [shown for _, shown in read]


def _refuse_misspelt(name: str) -> None:
    # Kept as an unknown member, it would be answered as if it had an effect.
    near = get_close_matches(name.lower(), MEMBERS, n=1, cutoff=_NEAR)
    if near:
        raise InvalidMember(
            json_reader.join_path("", name),
            f"There is no member {quoted(name)}.",
            remedy=f"Did you mean {near[0]}? The members are {', '.join(MEMBERS)}; "
            "other members are kept, unless their names resemble one of these.",
        )


def _check_unknown(written: Mapping[str, Any]) -> None:
    unknown = {name: value for name, value in written.items() if name not in MEMBERS}
    length = len(json.dumps(unknown, ensure_ascii=False)) if unknown else 0
    if length > MAX_UNKNOWN:
        raise InvalidMember(
            json_reader.join_path("", next(iter(unknown))),
            f"The unknown members have {length} characters.",
            remedy=f"Send at most {MAX_UNKNOWN} characters besides {', '.join(MEMBERS)}.",
        )


def _path(schedule: Schedule, objection: Objection) -> str:
    """The path of the member that is objected to, by the name that the client gave it."""
    trigger = render(schedule)["triggers"][objection.number]
    name = next(name for name in _NAMES[objection.part] if name in trigger)
    return f"triggers[{objection.number}].{name}"
