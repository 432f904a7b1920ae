"""Preview document: a schedule to try out, and when it would fire.

Each dialect has members of its own, named in `app.api.previews`; `dialect` tells which apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from app.api import previews
from app.api.native.codecs import reader
from app.api.native.codecs.generic_codec import Value
from app.api.native.codecs.reader import Body
from app.api.native.codecs.schema import TEXT, Anything, Integer, Object, Shape, Variants
from app.api.native.documents import schedule
from app.api.native.documents.job import JOB, of_members
from app.domain import clocks, instants, zones
from app.domain.native import preview as native_preview
from app.domain.preview import MAX_FIRINGS, Preview, add_warning

ROOT: Final = "preview"
NATIVE: Final = "native"
DEFAULT_FIRINGS: Final = 5

_COUNT: Final = Integer(
    minimum=1,
    maximum=MAX_FIRINGS,
    remedy=f"Give the number of firings to list, or omit count to list {DEFAULT_FIRINGS}.",
)
_OWN: Final[Mapping[str, Shape]] = {"dialect": TEXT, "after": TEXT, "count": _COUNT}
_MEMBERS: Final = ("when", "cron", "timezone", "onGap", "onOverlap")
_UTC: Final = "UTC"


def read(body: Body, now: datetime) -> tuple[Preview, int]:
    """The preview that the document asks for, and how many triggers and firings it has together.

    Raises MalformedDocument and InvalidMember.
    """
    members = reader.read(body, PREVIEW)
    dialect = _dialect(members.pop("dialect", None))
    after, count = members.pop("after", None), members.pop("count", DEFAULT_FIRINGS)
    begin = now if after is None else _begin(after, members)
    found = dialect.preview(members, begin, count)
    triggers = members.get("triggers")
    return found, len(found.next) + (len(triggers) if isinstance(triggers, list) else 0)


def render(found: Preview) -> Mapping[str, Value]:
    """The members of the answer."""
    return {
        "summary": found.summary,
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


def _dialect(name: str | None) -> previews.Previewer:
    return previews.find(NATIVE if name is None else name)


def _schema(name: str | None) -> Object:
    """The schema of a preview in a dialect; a dialect other than ours reads its own members."""
    dialect = _dialect(name)
    is_native = dialect.name == NATIVE
    shapes: dict[str, Shape] = {
        each: JOB.members[each] if is_native else Anything() for each in dialect.members
    }
    # A dry run checks jobs of the native dialect alone.
    hint = " POST /1/jobs?dryRun=true checks a whole job." if is_native else ""
    return Object(root=ROOT, members={**_OWN, **shapes}, hint=hint)


# A Fusion document may give a member twice with the same value.
PREVIEW: Final = Variants(
    root=ROOT,
    example='{"cron": "0 15 10 ? * *"}',
    by="dialect",
    select=_schema,
    allows_repeats=True,
)


def _begin(after: str, members: Mapping[str, Any]) -> datetime:
    """The instant after which firings are listed; without an offset, a local time of `timezone`.

    Of a time that the zone's clock shows twice, the first instant; of one that it never shows, the
    end of the gap. Raises InvalidMember.
    """
    instant = instants.parse(after, member="after")
    name = members.get("timezone")
    if not isinstance(name, str) or not instants.is_local(after):
        return instant
    zone, wall = zones.find(name), instant.replace(tzinfo=None)
    found = schedule.instants_shown_as(zone, wall, text=after, member="after")
    return found[0] if found else clocks.end_of_gap(zone, wall)


def _preview(members: Mapping[str, Any], after: datetime, count: int) -> Preview:
    document = of_members(members)
    trigger, zone = schedule.to_trigger(document), zones.find(document.timezone or _UTC)
    found = native_preview.preview_trigger(trigger, after=after, count=count, zone=zone)
    if document.when is None or document.timezone is None:
        return found
    return add_warning(found, _warning(document.when, zone))


PREVIEWER: Final = previews.Previewer(name=NATIVE, members=_MEMBERS, preview=_preview)


def _warning(when: str, zone: zones.Zone) -> str | None:
    """What happens to a local time that the zone's clock does not show exactly once."""
    wall = instants.parse(when, member="when").replace(tzinfo=None)
    match clocks.instants_of(zone, wall):
        case []:
            return f"The clock of {zone.name} never shows {wall.isoformat()}; the next time counts."
        case [first, second]:
            both = f"{instants.format_utc(first)} and {instants.format_utc(second)}"
            return f"The clock of {zone.name} shows {wall.isoformat()} twice, at {both}."
    return None
