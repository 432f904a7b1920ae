"""Times: reads instants and spans as people write them, and shows them in a time zone. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "w": "weeks"}
_MILLISECONDS: Final = "ms"
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_WHOLE_SPAN: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_MAX_SPAN: Final = timedelta(days=36_600)
_MAX_LENGTH: Final = 100
_SHOWN: Final = 40
_NOW_S: Final = 0.5
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_TEN: Final = 10
_NEXT: Final = "next"
_FIRST: Final = "first"
_BOTH: Final = "both"

Clock = Callable[[], datetime]


def parse_span(text: str) -> timedelta:
    """Return the span of a text such as `90s`, `10m`, `1h30m` or `2d`. Raises ValueError."""
    if not _is_span(text):
        raise ValueError(f"{text[:_SHOWN]!r} is not a span of time such as 30s, 10m, 1h30m or 2d.")
    total = timedelta()
    for number, unit in _SPAN.findall(text):
        try:
            if unit == _MILLISECONDS:
                total += timedelta(milliseconds=float(number))
            else:
                total += timedelta(**{_UNITS[unit]: float(number)})
        except OverflowError:
            raise ValueError(f"{text[:_SHOWN]!r} is too long.") from None
    if total > _MAX_SPAN:
        raise ValueError(f"{text[:_SHOWN]!r} is longer than a hundred years.")
    return total


def _is_span(text: str) -> bool:
    return len(text) <= _MAX_LENGTH and _WHOLE_SPAN.fullmatch(text.strip()) is not None


def parse_instant(
    text: str,
    zone: tzinfo | None,
    *,
    on_gap: str | None = None,
    on_overlap: str | None = None,
) -> datetime:
    """Return the instant of an ISO 8601 text, which is a time of `zone` if it has no offset.

    `zone` is None for the time zone of this machine. A date alone is its midnight. The rules are
    those of the service: of a time that occurs twice the second occurrence counts, or the first
    with `on_overlap` "first"; a time that does not exist, because the clock goes forward, is
    refused, or is the end of the gap with `on_gap` "next". Raises ValueError.
    """
    if on_overlap == _BOTH:
        raise ValueError("A call that is made once has one time: use first or second, not both.")
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{text[:_SHOWN]!r} is not an instant such as 2027-05-11T17:30:00+02:00 or 2027-05-11."
        ) from None
    try:
        if found.tzinfo is not None:
            return found.astimezone(UTC)
        instant = _instant_of(found.replace(fold=int(on_overlap != _FIRST)), zone)
        exists = instant.astimezone(zone).replace(tzinfo=None) == found
        if not exists and on_gap == _NEXT:
            return _end_of_gap(found, zone)
    except (OverflowError, OSError):
        raise ValueError(f"{text!r} is out of range.") from None
    if not exists:
        raise ValueError(
            f"{text!r} does not exist in {zone or 'this time zone'}, where the clock goes forward "
            "at that time. Give an offset."
        )
    return instant


def _instant_of(local: datetime, zone: tzinfo | None) -> datetime:
    """Return the instant of a local time; `fold` tells which one of two."""
    zoned = local.astimezone() if zone is None else local.replace(tzinfo=zone)
    return zoned.astimezone(UTC)


def _end_of_gap(local: datetime, zone: tzinfo | None) -> datetime:
    """Return the first instant after the gap in which a local time does not exist."""

    def offset(second: int) -> timedelta | None:
        return datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()

    # Within a gap, a fold of 1 takes the offset after it, and thus leads to an instant before it.
    before, after = (
        int(_instant_of(local.replace(fold=fold), zone).timestamp()) for fold in (1, 0)
    )
    changed = offset(after)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if offset(middle) == changed else (middle, after)
    return datetime.fromtimestamp(after, UTC)


def parse_past(text: str, zone: tzinfo | None, now: datetime) -> datetime:
    """Return an instant; a span such as `2h` is so long ago. Raises ValueError."""
    if _is_span(text):
        return now - parse_span(text)
    return parse_instant(text, zone)


def parse_future(
    text: str,
    zone: tzinfo | None,
    now: datetime,
    *,
    on_gap: str | None = None,
    on_overlap: str | None = None,
) -> datetime:
    """Return an instant; a span such as `2h` is so far ahead. Raises ValueError."""
    if _is_span(text):
        return now + parse_span(text)
    return parse_instant(text, zone, on_gap=on_gap, on_overlap=on_overlap)


def iso_utc(instant: datetime) -> str:
    """Return an instant as the API takes it: `2026-11-22T09:30:00Z`."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def in_zone(instant: datetime, zone: tzinfo | None) -> datetime:
    """Return an instant as a time of a zone; None is that of this machine.

    It is one of UTC where the zone would show it before the year 1 or after 9999.
    """
    try:
        return instant.astimezone(zone)
    except (OverflowError, OSError, ValueError):
        return instant.astimezone(UTC)


def iso_in(instant: datetime, zone: tzinfo | None) -> str:
    """Return an instant in ISO 8601 with the offset of a zone; None is that of this machine."""
    return in_zone(instant, zone).isoformat()


def day_and_time(instant: datetime, zone: tzinfo | None, now: datetime) -> str:
    """Return `Mon 23 Nov 10:15:00 +01:00`, with the year if it is not the present one."""
    return f"{in_zone(instant, zone):%a} {date_and_time(instant, zone, now)}"


def date_and_time(instant: datetime, zone: tzinfo | None, now: datetime) -> str:
    """Return `23 Nov 10:15:00 +01:00`, with the year if it is not the present one."""
    local = in_zone(instant, zone)
    year = f"{local.year} " if local.year != now.astimezone(zone).year else ""
    return f"{local.day} {local:%b} {year}{clock(instant, zone)}"


def clock(instant: datetime, zone: tzinfo | None) -> str:
    """Return the time of day with its offset: `10:15:00 +01:00`."""
    local = in_zone(instant, zone)
    return f"{local:%H:%M:%S} {_offset(local)}"


def exact_clock(instant: datetime, zone: tzinfo | None) -> str:
    """Return the time of day to a tenth of a millisecond: `10:04:11.0019`."""
    local = in_zone(instant, zone)
    return f"{local:%H:%M:%S}.{local.microsecond // 100:04d}"


def _offset(local: datetime) -> str:
    text = f"{local:%z}"
    return f"{text[:3]}:{text[3:5]}"


def span(seconds: float) -> str:
    """Return the length of a span in a unit that it has twice: `10 s`, `90 min`, `4 days`."""
    seconds = abs(seconds)
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    if seconds < 2 * _DAY_S:
        return f"{seconds / _HOUR_S:.0f} h"
    return f"{seconds / _DAY_S:.0f} days"


def distance(instant: datetime, now: datetime) -> str:
    """Return how far an instant is from now: `in 10 s`, `2 h ago`."""
    seconds = (instant - now).total_seconds()
    if abs(seconds) < _NOW_S:
        return "now"
    return f"in {span(seconds)}" if seconds >= 0 else f"{span(seconds)} ago"


def milliseconds(value: float) -> str:
    """Return a duration given in milliseconds: `1.9 ms`, `12 ms`, `3.2 s`, `5 min`."""
    if value < _TEN:
        return f"{value:.1f} ms"
    if value < 1000:  # noqa: PLR2004 - a second
        return f"{value:.0f} ms"
    if value < _TEN * 1000:
        return f"{value / 1000:.1f} s"
    return span(value / 1000)
