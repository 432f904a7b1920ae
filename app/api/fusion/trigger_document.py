"""Reads one trigger of a schedule document; most of its members have two names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from app.api.fusion import json_reader
from app.domain import instants, quartz
from app.domain.checks import quoted
from app.domain.fusion import resource
from app.domain.fusion.intervals import MAX_UNITS, ByInterval, Unit
from app.domain.fusion.status import ABORT, FAILURE, SUCCESS
from app.domain.fusion.time_triggers import ByCron
from app.domain.fusion.triggers import AfterJob, Trigger
from app.errors import InvalidMember

ENDS: Final = {
    "on_success": SUCCESS,
    "on_failure": FAILURE,
    "on_abort": ABORT,
    "on_success_or_failure": SUCCESS | FAILURE,
    "on_completion": SUCCESS | FAILURE | ABORT,
}
_MAX_DIGITS: Final = 9
_MAX_NUMBER: Final = 30
_EXPRESSION: Final = (
    'Give a Quartz cron expression, as in "0 15 10 ? * MON-FRI"; value is accepted too.'
)
_TIME: Final = 'Give a string, as in "2017-05-17T20:58:10.503Z".'


class _Value(NamedTuple):
    """A member's value, and what is stored of it in the source document."""

    meant: Any
    shown: Any


class _Part(NamedTuple):
    """How a member is read, and which part of the trigger it is: two names may be one part."""

    name: str
    read: Callable[[str, Any], _Value]


def parse(path: str, value: object, now: datetime) -> tuple[Trigger, dict[str, Any]]:
    """The trigger in a JSON value, and its members for the source document.

    A member that is null counts as not given. So does a member of another type of trigger whose
    value is zero or empty, since clients with one class for all types write those. An interval
    without a start counts from `now`. Raises InvalidMember, which names the member by its path.
    """
    members = {
        name: each
        for name, each in json_reader.read_object(path, value).items()
        if each is not None
    }
    called = json_reader.read_text(f"{path}.type", _needed(members, path, "type", _TYPES))
    sort = called.lower()
    if sort not in PARTS:
        raise InvalidMember(
            f"{path}.type", f"{quoted(called)} is not a trigger type.", remedy=_TYPES
        )
    parts: dict[str, Any] = {"enabled": True}
    shown: dict[str, Any] = {}
    for name, each in members.items():
        if name == "type":
            shown[name] = called
            continue
        part = PARTS[sort].get(name)
        if part is None and name in _MEMBERS and _is_zero(each):
            continue
        if part is None:
            raise _unknown(path, sort, name)
        meant, shown[name] = part.read(f"{path}.{name}", each)
        if name != "enabled" and parts.setdefault(part.name, meant) != meant:
            raise _twice(path, sort, part.name, members)
        parts[part.name] = meant
    return _BUILDERS[sort](path, parts, now), shown


def _by_cron(path: str, parts: Mapping[str, Any], _: datetime) -> Trigger:
    return ByCron(
        expression=_needed(parts, path, "expression", _EXPRESSION),
        enabled=parts["enabled"],
    )


def _by_interval(path: str, parts: Mapping[str, Any], now: datetime) -> Trigger:
    # Answers show milliseconds, so the start has no more. It is rounded down: a start after `now`
    # would fire at once.
    saved = now.astimezone(UTC).replace(microsecond=now.microsecond // 1000 * 1000)
    return ByInterval(
        start=parts.get("startTime", saved),
        end=parts.get("endTime"),
        every=_needed(parts, path, "interval", "Give the number of units between two runs."),
        unit=_needed(parts, path, "timeUnit", f"Use {_UNITS}; repeatUnit is accepted too."),
        given="startTime" in parts,
        enabled=parts["enabled"],
    )


def _after_job(path: str, parts: Mapping[str, Any], _: datetime) -> Trigger:
    upstream = _needed(parts, path, "otherJob", 'Name the other job, as in "task:clean-up".')
    flags = {name: parts[name] for name in _FLAGS if name in parts}
    chosen = frozenset(
        state for name, states in _FLAGS.items() if flags.get(name) for state in states
    )
    states = parts.get("triggerType", chosen)
    if not states:
        raise InvalidMember(
            path,
            f"{path} has no triggerType: after which outcome of {upstream} to run is not given.",
            remedy='Give triggerType, as in "on_success", or set runOnSuccess, runOnFailure or '
            "runOnAbort to true.",
        )
    if flags and states != chosen:
        raise InvalidMember(
            f"{path}.triggerType",
            f"{path}.triggerType contradicts runOnSuccess, runOnFailure and runOnAbort.",
            remedy="Give triggerType, or the others, but not both.",
        )
    return AfterJob(upstream=upstream, states=states, enabled=parts["enabled"])


def _flag(path: str, value: object) -> _Value:
    meant = json_reader.read_flag(path, value)
    return _Value(meant, meant)


def _expression(path: str, value: object) -> _Value:
    text = json_reader.read_text(path, value)
    try:
        quartz.parse(text)
    except InvalidMember as refusal:
        raise InvalidMember(path, refusal.message, remedy=refusal.remedy) from None
    return _Value(text, text)


def _time(path: str, value: object) -> datetime:
    if type(value) is not str:
        raise InvalidMember(
            path, f"{path} must be a string, not {json_reader.describe(value)}.", remedy=_TIME
        )
    return instants.parse(value, member=path)


def _start(path: str, value: object) -> _Value:
    # Rounded up to a millisecond, so that no run is early.
    instant = _time(path, value)
    finer = timedelta(microseconds=-instant.microsecond % 1000)
    try:
        return _instant(instant + finer)
    except OverflowError:
        raise InvalidMember(path, f"{path} is after the year 9999.", remedy=_TIME) from None


def _end(path: str, value: object) -> _Value:
    instant = _time(path, value)
    return _instant(instant.replace(microsecond=instant.microsecond // 1000 * 1000))


def _instant(instant: datetime) -> _Value:
    return _Value(instant, instants.format_millis(instant))


def _interval(path: str, value: object) -> _Value:
    digits = _digits(value)
    short = digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS
    if not short or not 1 <= int(digits) <= MAX_UNITS:
        raise InvalidMember(
            path,
            f"{path} must be an integer from 1 to {MAX_UNITS}.",
            remedy="Give an integer, as in 15, or as a string of digits.",
        )
    return _Value(int(digits), int(digits))


def _digits(value: object) -> str:
    """A text as it is, or the digits of a whole number, also of 15.0; else empty.

    Some languages write each number with a fraction. A preview gives numbers as their text.
    """
    if type(value) is str:
        return value
    is_number = isinstance(value, str | int | float) and not isinstance(value, bool)
    if not is_number or len(str(value)) > _MAX_NUMBER:
        return ""
    number = float(str(value))
    return f"{number:.0f}" if number.is_integer() else ""


def _unit(path: str, value: object) -> _Value:
    text = json_reader.read_text(path, value)
    try:
        return _Value(Unit(text.lower().removesuffix("s")), text)
    except ValueError:
        raise InvalidMember(
            path, f"{quoted(text)} is not a unit of time here.", remedy=f"Use {_UNITS}."
        ) from None


def _upstream(path: str, value: object) -> _Value:
    upstream = str(resource.parse(json_reader.read_text(path, value), member=path))
    return _Value(upstream, upstream)


def _ends(path: str, value: object) -> _Value:
    text = json_reader.read_text(path, value)
    states = ENDS.get(text.lower())
    if states is None:
        raise InvalidMember(
            path,
            f"{quoted(text)} is not a triggerType.",
            remedy=f"Use {', '.join(ENDS)}; for other combinations use several triggers.",
        )
    return _Value(states, text)


_UNITS: Final = f"{', '.join(list(Unit)[:-1])} or {list(Unit)[-1]}"
_FLAGS: Final = {
    "runOnSuccess": SUCCESS,
    "runOnFailure": FAILURE,
    "runOnAbort": ABORT,
}
_CRON: Final = {
    "enabled": _Part("enabled", _flag),
    "value": _Part("expression", _expression),
    "expression": _Part("expression", _expression),
}
_INTERVAL: Final = {
    "enabled": _Part("enabled", _flag),
    "startTime": _Part("startTime", _start),
    "endTime": _Part("endTime", _end),
    "interval": _Part("interval", _interval),
    "repeatUnit": _Part("timeUnit", _unit),
    "timeUnit": _Part("timeUnit", _unit),
}
_JOB: Final = {
    "enabled": _Part("enabled", _flag),
    "jobID": _Part("otherJob", _upstream),
    "otherJob": _Part("otherJob", _upstream),
    "triggerType": _Part("triggerType", _ends),
    **{name: _Part(name, _flag) for name in _FLAGS},
}
PARTS: Final = {"cron": _CRON, "interval": _INTERVAL, "job": _JOB, "job_completion": _JOB}
"""The members of each type of trigger besides `type`."""

_ZEROS: Final = {"0", "0.0", "false", ""}
_MEMBERS: Final = {name for parts in PARTS.values() for name in parts}
_BUILDERS: Final = {
    "cron": _by_cron,
    "interval": _by_interval,
    "job": _after_job,
    "job_completion": _after_job,
}
_TYPES: Final = f"The types are {', '.join(PARTS)}."


def _is_zero(value: object) -> bool:
    """Whether this is the value of a member that was never set, as such or as text."""
    return isinstance(value, str | int | float) and str(value).lower() in _ZEROS


def _needed(members: Mapping[str, Any], path: str, name: str, remedy: str) -> Any:  # noqa: ANN401 - of any type
    return json_reader.require(members, name, path=f"{path}.{name}", remedy=remedy)


def _unknown(path: str, sort: str, name: str) -> InvalidMember:
    known = [each for each in PARTS[sort] if each != "enabled"]
    near = get_close_matches(name, [*known, "enabled"], n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return InvalidMember(
        json_reader.join_path(path, name),
        f"A trigger of the type {sort} has no member {quoted(name)}.",
        remedy=f"{hint}Its members are type, enabled, {', '.join(known)}.",
    )


def _twice(path: str, sort: str, part: str, members: Mapping[str, Any]) -> InvalidMember:
    known = PARTS[sort]
    names = [name for name in members if name in known and known[name].name == part]
    return InvalidMember(
        f"{path}.{names[-1]}",
        f"{path} gives {' and '.join(names)}, which mean the same, with different values.",
        remedy="Give one of them.",
    )
