"""Instants: ISO 8601 texts and the points in time that they name.

Accepted are: a calendar, ordinal or week date; `T` or `t`; a time of day; all in the extended or
all in the basic form; a decimal fraction of the last unit, after a point or a comma; and `Z`, `z`,
an offset with or without a colon, or nothing, which means UTC. Refused, with the reason, are: a
date without a time; a space instead of the `T`; and second 60, because no future leap second is
known, and no clock here shows one.
"""

from __future__ import annotations

import re
from calendar import isleap, month_name, monthrange
from contextlib import suppress
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from typing import Final

from app.domain.checks import quoted
from app.errors import InvalidMember

MAX_INSTANT: Final = 64
MAX_FRACTION: Final = 18

_DATE: Final = re.compile(
    r"(?P<year>[0-9]{4})(?P<dash>-?)"
    r"(?:(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})"
    r"|(?P<ordinal>[0-9]{3})"
    r"|W(?P<week>[0-9]{2})(?P=dash)(?P<weekday>[0-9]))"
)
_TIME: Final = re.compile(
    r"(?P<hour>[0-9]{2})"
    r"(?:(?P<colon>:?)(?P<minute>[0-9]{2})(?:(?P=colon)(?P<second>[0-9]{2}))?)?"
    r"(?:[.,](?P<fraction>[0-9]+))?"
    r"(?:(?P<utc>[Zz])|(?P<sign>[+-])(?P<ahead>[0-9]{2})(?::?(?P<ahead_minute>[0-9]{2}))?)?"
)
_EXAMPLE: Final = 'Write it as in "2011-05-11T15:30:00Z".'
_DATE_FORMS: Final = (
    'Write the date as "2011-05-11", "2011-131" or "2011-W19-3", or so without hyphens, '
    'then "T" and the time.'
)
_TIME_FORMS: Final = (
    'Write the time as "15:30Z", "15:30:00.25Z" or "15:30:00+02:00"; '
    "in a path the + of an offset is written %2B."
)
_PLAIN: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z"
)
_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_LAST_HOUR: Final = 24
_DAY: Final = timedelta(days=1)


def parse(text: str, *, member: str) -> datetime:
    """Return the instant that `text` names, in UTC; raises InvalidMember for `member`.

    Fractions of a microsecond are rounded up, so that no call is early.
    """
    if len(text) > MAX_INSTANT:
        raise InvalidMember(
            member,
            f"The text is {len(text)} characters long.",
            remedy=f"Use at most {MAX_INSTANT} characters. {_EXAMPLE}",
        )
    if _PLAIN.fullmatch(text):
        # Nearly all are of this form. Those that name no such day or time are refused below.
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    split = text.upper().find("T")
    day_text, clock_text = (text[:split], text[split + 1 :]) if split >= 0 else (text, None)
    day = _DATE.fullmatch(day_text)
    if day is None:
        raise InvalidMember(
            member, f"{quoted(text)} does not begin with an ISO 8601 date.", remedy=_DATE_FORMS
        )
    if clock_text is None:
        raise InvalidMember(
            member,
            f"{quoted(text)} is a date without a time of day.",
            remedy=f'Add the time, as in "{text}T00Z".',
        )
    clock = _TIME.fullmatch(clock_text)
    if clock is None:
        raise InvalidMember(
            member, f"{quoted(clock_text)} is not an ISO 8601 time of day.", remedy=_TIME_FORMS
        )
    return _instant(member, text, day, clock)


def is_local(text: str) -> bool:
    """Return whether a text that `parse` accepts has neither an offset nor a `Z`."""
    clock = _TIME.fullmatch(text.upper().partition("T")[2])
    return clock is not None and clock["utc"] is None and clock["sign"] is None


def format_utc(instant: datetime) -> str:
    """Return `instant` (aware) as in `2011-05-11T15:30:00Z`: in UTC, with any fraction."""
    text = instant.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if instant.microsecond else text) + "Z"


def format_millis(instant: datetime) -> str:
    """Return `instant` (aware) as in `2011-05-11T15:30:00.000Z`: in UTC, always with milliseconds.

    Fractions of a millisecond are left out.
    """
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _instant(member: str, text: str, day: re.Match[str], clock: re.Match[str]) -> datetime:
    if clock["colon"] is not None and bool(clock["colon"]) != bool(day["dash"]):
        raise InvalidMember(
            member,
            f"{quoted(text)} mixes the extended form, with hyphens and colons, and the basic "
            "form, without.",
            remedy='Write "2011-05-11T15:30:00Z" or "20110511T153000Z".',
        )
    year = int(day["year"])
    if year == 0:
        raise InvalidMember(member, "There is no year 0000.", remedy=_EXAMPLE)
    date_of, days = _date(member, year, day)
    shift = timedelta(days=days) + _since_midnight(member, clock) - _offset(member, clock)
    try:
        return datetime.combine(date_of, time.min, UTC) + shift
    except OverflowError:
        raise InvalidMember(
            member,
            f"In UTC {quoted(text)} lies outside the years 0001 to {MAXYEAR}.",
            remedy="Name an instant within these years.",
        ) from None


def _date(member: str, year: int, day: re.Match[str]) -> tuple[date, int]:
    """Return a date and the days to add to it; their sum may be after the year 9999."""
    if day["ordinal"] is not None:
        length = 365 + isleap(year)
        reason = f"{year:04} has {length} days"
        return date(year, 1, 1), _number(member, "day", day["ordinal"], _first(length), reason) - 1
    if day["week"] is not None:
        # 28 December lies in the last week of its ISO year.
        weeks = date(year, 12, 28).isocalendar().week
        week = _number(member, "week", day["week"], _first(weeks), f"{year:04} has {weeks} weeks")
        reason = "Monday is 1, Sunday 7"
        weekday = _number(member, "weekday", day["weekday"], _first(7), reason)
        return date.fromisocalendar(year, week, 1), weekday - 1
    month = _number(member, "month", day["month"], _first(12), "a year has 12 months")
    length = monthrange(year, month)[1]
    if 1 <= int(day["day"]) <= length:
        return date(year, month, int(day["day"])), 0
    reason = f"{month_name[month]} {year:04} has {length} days"
    return date(year, month, 1), _number(member, "day", day["day"], _first(length), reason) - 1


def _first(count: int) -> range:
    return range(1, count + 1)


def _since_midnight(member: str, clock: re.Match[str]) -> timedelta:
    minute, second = clock["minute"] or "0", clock["second"] or "0"
    hours = _number(member, "hour", clock["hour"], range(25), "a day ends at 24:00")
    minutes = _number(member, "minute", minute, range(60), "an hour has 60 minutes")
    seconds = _number(member, "second", second, range(60), "leap seconds are not supported")
    fraction = _fraction(member, clock)
    elapsed = timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=fraction)
    if hours == _LAST_HOUR and elapsed > _DAY:
        raise InvalidMember(
            member,
            "Hour 24 is only the end of a day, 24:00.",
            remedy="Use hour 00 of the following day.",
        )
    return elapsed


def _fraction(member: str, clock: re.Match[str]) -> int:
    """Return the fraction of the last unit in microseconds, rounded up."""
    digits = clock["fraction"]
    if digits is None:
        return 0
    if len(digits) > MAX_FRACTION:
        raise InvalidMember(
            member,
            f"The fraction has {len(digits)} digits.",
            remedy=f"Use at most {MAX_FRACTION} digits.",
        )
    unit = _SECOND if clock["second"] else _MINUTE if clock["minute"] else _HOUR
    microseconds: int = -(-int(digits) * unit // 10 ** len(digits))
    return microseconds


def _offset(member: str, clock: re.Match[str]) -> timedelta:
    if clock["sign"] is None:
        return timedelta()
    reason = "offsets run from -23:59 to +23:59"
    hours = _number(member, "offset hour", clock["ahead"], range(24), reason)
    minute = clock["ahead_minute"] or "0"
    minutes = _number(member, "offset minute", minute, range(60), reason)
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if clock["sign"] == "-" else ahead


def _number(member: str, unit: str, digits: str, allowed: range, reason: str) -> int:
    number = int(digits)
    if number not in allowed:
        raise InvalidMember(
            member,
            f"There is no {unit} {digits}: {reason}.",
            remedy=f"Write the {unit} as a number from {allowed[0]} to {allowed[-1]}.",
        )
    return number
