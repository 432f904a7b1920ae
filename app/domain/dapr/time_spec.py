"""Reads a point in time: an RFC 3339 instant, a Go duration, or an ISO 8601 period."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from app.domain.checks import quoted
from app.domain.dapr import duration
from app.domain.dapr.duration import SECOND
from app.domain.dapr.refusal import Refusal, sanitize

MAX_TEXT: Final = 128

_RFC_3339: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?"
    r"(?:Z|(?P<sign>[+-])(?P<ahead>[0-9]{2}):(?P<minutes>[0-9]{2}))"
)
_MAX_AHEAD: Final = 24
_HOUR: Final = 60
_NUMBER: Final = re.compile(r"[+-]?[0-9]+")
_PIECE: Final = re.compile(r"([^TYWDHSM]*)([TYWDHSM])")
_MICRO: Final = 1000
_NAMES: Final = {"dueTime": "due time", "ttl": "ttl"}
_FORMS: Final = (
    'write an instant with its offset, as in "2026-01-31T09:00:00Z", a duration, as in "1h30m", '
    'or a period, as in "P1DT12H"'
)


class Period(NamedTuple):
    """A span of years, months and days, and then of time; `repeats` as in `R5/P1D`, or None."""

    years: int = 0
    months: int = 0
    days: int = 0
    nanoseconds: int = 0
    repeats: int | None = None


def parse(text: str, base: datetime, *, member: str) -> datetime:
    """The instant in `text`, in UTC; where it is relative, it counts from `base` (UTC).

    Rounded up to a microsecond, so that no tick is early. Raises Refusal for `member`.
    """
    if len(text) > MAX_TEXT:
        raise _unknown(text, member)
    stamp = _RFC_3339.fullmatch(text)
    try:
        # A date that does not exist is parsed as a duration, which fails with Dapr's message.
        instant = None if stamp is None else _instant(stamp)
        return instant or later(base, _once(span(text, member=member), member))
    except (OverflowError, ValueError):
        raise Refusal(
            member,
            f"{sanitize(text)} lies outside the years 1 to 9999",
            remedy="name an instant within these years",
        ) from None


def later(base: datetime, by: Period) -> datetime:
    """The instant `by` after `base`, rounded up to a microsecond; 31 April is 1 May.

    Raises OverflowError or ValueError outside the years of a datetime.
    """
    years, month = divmod(base.month - 1 + by.months, 12)
    start = base.replace(year=base.year + by.years + years, month=month + 1, day=1)
    days = timedelta(days=base.day - 1 + by.days)
    return start + (days + timedelta(microseconds=-(-by.nanoseconds // _MICRO)))


def span(text: str, *, member: str) -> Period:
    """The Go duration or ISO 8601 period in `text`; raises Refusal for `member`."""
    try:
        return Period(nanoseconds=duration.parse(text, member=member))
    except Refusal:
        return period(text, member=member)


def _once(named: Period, member: str) -> Period:
    if named.repeats:
        raise Refusal(
            member,
            f"repeats not supported for {_NAMES[member]}",
            remedy='say how often in "repeats", and how far apart in "schedule"',
        )
    return named


def period(text: str, *, member: str) -> Period:
    """The ISO 8601 period in `text`, read as leniently as Dapr does; raises Refusal for `member`.

    Units may repeat or be out of order, and text after the last unit is ignored.
    """
    counted, rest = _repeats(text)
    if rest == "" and counted is not None:
        return Period(repeats=counted if counted >= 0 else None)
    if len(text) < len("PT") or not rest.startswith("P"):
        raise _unknown(text, member)
    sums = dict.fromkeys("YMDTHS", 0)
    timed = False
    for number, unit in _PIECE.findall(rest[1:]):
        if unit == "T" and not number:
            timed = True
            continue
        if not _NUMBER.fullmatch(number) or unit == "T":
            raise _unknown(text, member)
        if unit in ("YWD" if timed else "HS"):
            raise _unknown(text, member)
        _add(sums, unit, int(number), timed=timed)
    return Period(
        years=sums["Y"],
        months=sums["M"],
        days=sums["D"],
        nanoseconds=sums["T"] * SECOND,
        repeats=counted if counted is not None and counted >= 0 else None,
    )


def _instant(stamp: re.Match[str]) -> datetime | None:
    """The instant of an RFC 3339 text; None if there is no such date, time or offset."""
    ahead, minutes = int(stamp["ahead"] or 0), int(stamp["minutes"] or 0)
    if ahead > _MAX_AHEAD or minutes >= _HOUR:
        return None
    year, month, day, hour, minute, second = (int(each) for each in stamp.groups()[:6])
    if year == 0:
        raise OverflowError
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    fraction = stamp[7] or ""
    micros = -(-int(fraction or 0) * 10**6 // 10 ** len(fraction))
    offset = timedelta(hours=ahead, minutes=minutes) * (-1 if stamp["sign"] == "-" else 1)
    return local + (timedelta(microseconds=micros) - offset)


def _unknown(text: str, member: str) -> Refusal:
    return Refusal(member, f"{_NAMES[member]} format not recognized: {quoted(text)}", remedy=_FORMS)


def _add(sums: dict[str, int], unit: str, number: int, *, timed: bool) -> None:
    """Add a unit: of years and months the last one counts, other units add up."""
    if unit == "W":
        sums["D"] += 7 * number
    elif unit == "D":
        sums["D"] += number
    elif timed:
        sums["T"] += number * {"H": 3600, "M": 60, "S": 1}[unit]
    else:
        sums[unit] = number


def _repeats(text: str) -> tuple[int | None, str]:
    """The number of an `R5/` at the beginning, or None; and the rest of the text."""
    if not text.startswith("R"):
        return None, text
    counted, _, rest = text[1:].partition("/")
    return (int(counted), rest) if _NUMBER.fullmatch(counted) else (None, "")
