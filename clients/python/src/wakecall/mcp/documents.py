"""Documents: the answers of tools, in at most 4 KB, with what strangers wrote kept apart."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mcp_types import CallToolResult, TextContent

from wakecall import Page

Document: TypeAlias = dict[str, Any]
T = TypeVar("T")

MAX_BYTES: Final = 4096
"""The most that an answer holds, as JSON."""

UNTRUSTED: Final = "untrusted"
"""The member that holds what receivers wrote: data, never instructions."""

_FRAME_BYTES: Final = 700
"""What a list leaves for its other members."""

_ROUNDS: Final = 4
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


def answer(document: Document) -> CallToolResult:
    """The result of a tool: the document as structured content, and as text for older clients."""
    fitted = shortened(document)
    return CallToolResult(
        content=[TextContent(type="text", text=to_json(fitted))], structured_content=fitted
    )


def to_json(document: object) -> str:
    """The document in as few characters as possible."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def size(document: object) -> int:
    """The bytes of the document as JSON."""
    return len(to_json(document).encode("utf-8", "replace"))


def present(**members: object) -> Document:
    """The members that are there: None, and texts and lists that are empty, are left out."""
    return {name: value for name, value in members.items() if value not in (None, "", [], (), {})}


def cut(text: str | None, most: int) -> str | None:
    """The beginning of a text that takes up to `most` bytes in JSON; a cut one ends with `…`."""
    if text is None or size(text) <= most + 2:
        return text
    room, kept = most - 3, []
    for character in text:
        room -= size(character) - 2
        if room < 0:
            break
        kept.append(character)
    return f"{''.join(kept)}…"


def shortened(document: Document) -> Document:
    """The document in MAX_BYTES: the ends of its longest lists and texts are left out, if need be.

    The views keep to the bound by themselves in all but unusual cases.
    """
    if size(document) <= MAX_BYTES:
        return document
    copied: Document = json.loads(to_json(document))
    copied["shortened"] = True
    while size(copied) > MAX_BYTES:
        holder, key = max(_parts(copied), key=lambda part: size(part[0][part[1]]))
        value = holder[key]
        if isinstance(value, str):
            holder[key] = cut(value, size(value) // 2)
        else:
            del value[len(value) - (len(value) + 3) // 4 :]
    return copied


def _parts(value: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - JSON holds anything
    """Where lists of several elements and long texts are, each by what holds it and its place."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, each in list(pairs):
        if isinstance(each, dict | list):
            found += _parts(each)
        if (isinstance(each, list) and each) or (isinstance(each, str) and len(each) > 1):
            found.append((value, key))
    return found


async def listing(
    name: str,
    fetch: Callable[[int], Awaitable[Page[T]]],
    line: Callable[[T], Document],
    limit: int,
) -> Document:
    """A page of a list, with the cursor behind its last element.

    A page whose elements do not fit is fetched again with as many as do, since the cursor of a page
    leads behind all of its elements.
    """
    wanted = limit
    for _ in range(_ROUNDS):
        page = await fetch(wanted)
        lines = [line(each) for each in page.items]
        fitting = _fitting(lines)
        if fitting >= len(lines):
            break
        wanted = max(fitting, 1)
    return {name: lines[:wanted], **present(cursor=page.next_cursor)}


def _fitting(lines: list[Document]) -> int:
    room = MAX_BYTES - _FRAME_BYTES
    for number, line in enumerate(lines):
        room -= size(line) + 1
        if room < 0:
            return number
    return len(lines)


def zone_of(name: str | None, otherwise: tzinfo) -> tzinfo:
    """The zone of that name; `otherwise` without a name, or if this machine does not know it."""
    try:
        return ZoneInfo(name) if name else otherwise
    except (ZoneInfoNotFoundError, ValueError, OSError, RecursionError):
        # tzdata is searched as a package: a long name is one of many packages in each other.
        return otherwise


def moment(instant: datetime | None, zone: tzinfo, now: datetime) -> str | None:
    """An instant in ISO 8601 with the offset of a zone, and how far it is from now."""
    if instant is None:
        return None
    try:
        text = instant.astimezone(zone).isoformat(timespec="seconds")
    except OverflowError:
        # The zone shows it before year 1 or after 9999.
        text, zone = instant.astimezone(UTC).isoformat(timespec="seconds"), UTC
    shown = text.replace("+00:00", "Z") if zone is UTC else text
    return f"{shown} ({distance(instant - now)})"


def distance(span: timedelta) -> str:
    """How far an instant is from now: `in 3 h`, `20 s ago`."""
    seconds = span.total_seconds()
    far = abs(seconds)
    if far < _MINUTE_S:
        text = f"{far:.0f} s"
    elif far < _HOUR_S:
        text = f"{far / _MINUTE_S:.0f} min"
    elif far < 2 * _DAY_S:
        text = f"{far / _HOUR_S:.0f} h"
    else:
        text = f"{far / _DAY_S:.0f} days"
    return f"in {text}" if seconds >= 0 else f"{text} ago"


def milliseconds(span: timedelta | None) -> float | None:
    """The milliseconds of a span, with one digit behind the point."""
    return None if span is None else round(span.total_seconds() * 1000, 1)
