"""Preview: the question what a schedule would do, and its answer, in JSON and XML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.api import negotiation, previews
from app.api.native.codecs import json_codec, xml_codec
from app.api.native.codecs.generic_codec import Value
from app.api.native.documents import schedule as schedule_document
from app.domain import clocks, instants, zones
from app.domain.checks import escaped, quoted
from app.domain.native import preview as native_preview
from app.domain.preview import MAX_FIRINGS, Preview, add_warning
from app.errors import InvalidMember

ROOT: Final = "preview"
NATIVE: Final = "native"
DEFAULT_FIRINGS: Final = 5

_OWN: Final = ("dialect", "after", "count")
_MEMBERS: Final = {
    "when": "when",
    "cron": "cron",
    "timezone": "timezone",
    "onGap": "on_gap",
    "onOverlap": "on_overlap",
}
_UTC: Final = "UTC"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Timing:
    """The members of a native booking that tell its time, as written."""

    when: str | None = None
    cron: str | None = None
    timezone: str | None = None
    on_gap: str | None = None
    on_overlap: str | None = None


def answer(body: bytes, media_type: str, charset: str | None, now: datetime) -> tuple[Preview, int]:
    """What the document in `body` asks for, and of how many triggers and firings it is made.

    Raises MalformedDocument and InvalidMember.
    """
    members: Mapping[str, Any]
    if media_type == negotiation.JSON:
        example = '{"cron": "0 15 10 ? * *"}'
        members = json_codec.object_of(body, example=example, repeats=True)
    else:
        members = xml_codec.texts_of(body, charset, ROOT)
    named = _text(members, "dialect")
    dialect = previews.find(NATIVE if named is None else named)
    for name in members:
        if name not in (*_OWN, *dialect.members):
            raise InvalidMember(
                escaped(name),
                f"A preview has no member {quoted(name)}.",
                remedy=f"The members are: {', '.join((*_OWN, *dialect.members))}.{_whole(dialect)}",
            )
    members = json_codec.not_null(members)
    after = _text(members, "after")
    asked = {name: members[name] for name in dialect.members if name in members}
    begin = now if after is None else _begin(after, asked)
    found = dialect.preview(asked, begin, _count(members))
    triggers = asked.get("triggers")
    return found, len(found.next) + (len(triggers) if isinstance(triggers, list) else 0)


def _begin(after: str, asked: Mapping[str, Any]) -> datetime:
    """The instant to count from: without an offset a time of `timezone`, as `when` is.

    Where the zone's clock shows it twice, the first showing; where it never does, the end of the
    gap. Raises InvalidMember.
    """
    instant = instants.parse(after, member="after")
    name = _text(asked, "timezone")
    if name is None or not instants.is_local(after):
        return instant
    zone, wall = zones.find(name), instant.replace(tzinfo=None)
    found = schedule_document.showings(zone, wall, text=after, member="after")
    return found[0] if found else clocks.end_of_gap(zone, wall)


def _whole(dialect: previews.Previewer) -> str:
    """How a whole booking is checked; only those of the native dialect can be."""
    return " POST /1/jobs?dryRun=true checks a whole job." if dialect.name == NATIVE else ""


def shown(found: Preview) -> Mapping[str, Value]:
    """The members of the answer."""
    return {
        "next": [
            {
                "utc": instants.format_utc(each),
                "local": each.astimezone(found.zone.info).isoformat(),
            }
            for each in found.next
        ],
        "minimumGap": found.minimum_gap,
        "bookable": not found.reasons,
        "reasons": list(found.reasons),
        "warnings": list(found.warnings),
        "timezone": found.zone.name,
        "tzdata": zones.VERSION,
    }


def _preview(members: Mapping[str, Any], after: datetime, count: int) -> Preview:
    texts = {_MEMBERS[name]: _text(members, name) for name in members}
    written = _Timing(**texts)
    trigger, zone = schedule_document.trigger(written), zones.find(written.timezone or _UTC)
    found = native_preview.preview_trigger(trigger, after=after, count=count, zone=zone)
    if written.when is None or written.timezone is None:
        return found
    return add_warning(found, _note(written.when, zone))


PREVIEWER: Final = previews.Previewer(name=NATIVE, members=tuple(_MEMBERS), preview=_preview)


def _note(when: str, zone: zones.Zone) -> str | None:
    """What the zone's clock makes of a local time that it does not show exactly once."""
    wall = instants.parse(when, member="when").replace(tzinfo=None)
    match clocks.instants_of(zone, wall):
        case []:
            return f"The clock of {zone.name} never shows {wall.isoformat()}; the next time counts."
        case [first, second]:
            both = f"{instants.format_utc(first)} and {instants.format_utc(second)}"
            return f"The clock of {zone.name} shows {wall.isoformat()} twice, at {both}."
    return None


def _text(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is not None and type(value) is not str:
        raise InvalidMember(
            name,
            f"{name} is {json_codec.kind(value)}, not a string.",
            remedy=f"Give a string, or leave {name} out.",
        )
    return value


def _count(members: Mapping[str, Any]) -> int:
    if "count" not in members:
        return DEFAULT_FIRINGS
    value = members["count"]
    digits = str(value) if isinstance(value, str) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MAX_FIRINGS))):
        digits = "0"
    if not 1 <= int(digits) <= MAX_FIRINGS:
        raise InvalidMember(
            "count",
            "count is no whole number in its bounds.",
            remedy=f"Give a number from 1 to {MAX_FIRINGS}.",
        )
    return int(digits)
