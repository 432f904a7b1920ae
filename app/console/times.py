"""Times: instants and durations in words, each instant with its zone. Pure; `now` is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

NOON: Final = 12
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_WHOLE_DAYS: Final = 60 * 86400
_TENTHS_BELOW_MS: Final = 10
_MS_BELOW: Final = 10_000
_MINUTE_MS: Final = 60_000


def absolute(instant: datetime, zone: ZoneInfo, *, now: datetime, hours: int = 24) -> str:
    """Return `Sun 22 Nov 10:15:00 +01:00`, with the year unless it is the year of `now`.

    The offset is that of the instant, so that the two readings of an hour that clocks repeat
    differ. `hours` is 24 or 12.
    """
    local = in_zone(instant, zone)
    year = "" if local.year == now.astimezone(zone).year else f" {local.year:04d}"
    return f"{_day(local)}{year} {clock(local, hours=hours)} {offset(local)}"


def in_zone(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return an instant as the zone shows it; in UTC where that is before year 1 or after 9999."""
    try:
        return instant.astimezone(zone)
    except OverflowError:
        return instant.astimezone(UTC)


def clock(local: datetime, *, hours: int = 24) -> str:
    """Return the time of day to the second: `10:15:00`, or `10:15:00 am` with 12 `hours`."""
    if hours == NOON:
        half = "am" if local.hour < NOON else "pm"
        return f"{(local.hour - 1) % NOON + 1}:{local:%M:%S} {half}"
    return f"{local:%H:%M:%S}"


def offset(local: datetime) -> str:
    """Return the offset from UTC of a local time: `+05:45`, and `UTC` for the zone UTC."""
    if local.tzinfo is UTC or getattr(local.tzinfo, "key", "") == "UTC":
        return "UTC"
    seconds = int((local.utcoffset() or timedelta()).total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}"


def relative(instant: datetime, now: datetime) -> str:
    """Return how far off an instant is: `in 3 h 4 min`, `12 s ago`, `now` within a second.

    The script of the page (static/clock.js) writes the same texts as time passes.
    """
    seconds = int((instant - now).total_seconds())
    if seconds == 0:
        return "now"
    text = _parts(abs(seconds))
    return f"in {text}" if seconds > 0 else f"{text} ago"


def milliseconds(value: float) -> str:
    """Return a duration in milliseconds as `1.3 ms`, `8,250 ms`, `12.4 s` or `3 min 5 s`."""
    size = abs(value)
    if size < _TENTHS_BELOW_MS:
        return f"{value:.1f} ms"
    if size < _MS_BELOW:
        return f"{value:,.0f} ms"
    if size < _MINUTE_MS:
        return f"{value / 1000:.1f} s"
    return f"{'-' if value < 0 else ''}{_parts(int(size / 1000))}"


def iso(instant: datetime) -> str:
    """Return an instant in UTC, to the millisecond, as `<time datetime>` and copies have it."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def _day(local: datetime) -> str:
    return f"{_WEEKDAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}"


def _parts(seconds: int) -> str:
    """Return the two largest units of a duration of at least a second."""
    if seconds >= _WHOLE_DAYS:
        return f"{seconds // 86400} d"
    first = next(at for at, (_, size) in enumerate(_UNITS) if seconds >= size)
    texts = []
    for unit, size in _UNITS[first : first + 2]:
        count, seconds = divmod(seconds, size)
        if count:
            texts.append(f"{count} {unit}")
    return " ".join(texts)
