"""Crontab: converts the five fields of a crontab line to a Quartz expression (crontab(5))."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from app.domain.checks import quoted
from app.errors import InvalidMember

MEMBER: Final = "crontab"
MAX_SCHEDULE: Final = 255
_NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS: Final = (
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
)
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ITEM: Final = re.compile(
    r"(?:(?P<all>\*)|(?P<first>[0-9]{1,2}|[a-z]{3})(?:-(?P<last>[0-9]{1,2}|[a-z]{3}))?)"
    r"(?:/(?P<step>[0-9]{1,2}))?",
    re.IGNORECASE,
)
_BOUNDS: Final = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day of month": (1, 31),
    "month": (1, 12),
    "day of week": (0, 7),
}
_FIELDS: Final = 5
_WEEK: Final = 7


def split(line: str) -> tuple[str, str]:
    """Return the schedule of a crontab line and the command after it, which may be empty.

    Raises InvalidMember for a line without a schedule.
    """
    words = line.strip().split(None, _FIELDS)
    if words and words[0].startswith("@"):
        schedule, _, command = line.strip().partition(words[0])[2].partition(" ")
        return words[0] + schedule, command.strip()
    if len(words) < _FIELDS:
        raise InvalidMember(
            MEMBER,
            f"The line has {len(words)} fields, but a crontab line has five and a command.",
            remedy='Give minute, hour, day of month, month and day of week: "30 9 * * 1-5".',
        )
    return " ".join(words[:_FIELDS]), words[_FIELDS] if words[_FIELDS:] else ""


def to_quartz(schedule: str) -> str:
    """Return the Quartz expression that fires when the schedule of a crontab line does.

    Raises InvalidMember for a schedule that cannot be read, and for one that names both days of
    the month and days of the week: cron fires on either, which no Quartz expression does.
    """
    if len(schedule) > MAX_SCHEDULE:
        raise InvalidMember(
            MEMBER,
            f"The schedule has {len(schedule)} characters.",
            remedy=f"Use at most {MAX_SCHEDULE} characters.",
        )
    fields = _NICKNAMES.get(schedule.lower(), schedule).split()
    if len(fields) != _FIELDS:
        raise InvalidMember(
            MEMBER,
            f"{quoted(schedule)} is not a schedule of crontab that Quartz can express.",
            remedy="Give five fields, or @hourly, @daily, @weekly, @monthly or @yearly.",
        )
    minute, hour, by_month, month, by_week = (
        _values(name, text) for name, text in zip(_BOUNDS, fields, strict=True)
    )
    if by_month is not None and by_week is not None:
        raise InvalidMember(
            MEMBER,
            "The line names days of the month and days of the week; cron fires on both kinds of "
            "days.",
            remedy="Book two jobs, one for each kind of days.",
        )
    days = "?" if by_week is not None else _written(by_month)
    week = "?" if by_week is None else ",".join(_DAYS[day] for day in _weekdays(by_week))
    months = "*" if month is None else ",".join(_MONTHS[each - 1] for each in month)
    return f"0 {_written(minute)} {_written(hour)} {days} {months} {week}"


def _weekdays(values: list[int]) -> list[int]:
    """Return the days of a week from Monday on; Sunday is 0 and 7."""
    return sorted({value % _WEEK for value in values}, key=lambda day: (day - 1) % _WEEK)


def _values(name: str, text: str) -> list[int] | None:
    """Return the values of a field, ascending; None for all. Raises InvalidMember."""
    found: set[int] = set()
    for item in text.split(","):
        found.update(_item_values(name, text, item))
    low, high = _BOUNDS[name]
    if name == "day of week":
        found = {value % _WEEK for value in found}
        high = _WEEK - 1
    return None if len(found) == high - low + 1 else sorted(found)


def _item_values(name: str, text: str, item: str) -> range:
    low, high = _BOUNDS[name]
    match = _ITEM.fullmatch(item)
    if match is None:
        raise _unreadable(name, text)
    step = 1 if match["step"] is None else int(match["step"])
    if match["all"]:
        first, last = low, high - (name == "day of week")
    else:
        first = _number(name, text, match["first"])
        last = first if match["last"] is None else _number(name, text, match["last"])
        if match["last"] is None and match["step"] is not None:
            # Some crons read this as "from the number on", others refuse it.
            raise _unreadable(name, text)
    if step == 0 or not low <= first <= last <= high:
        raise _unreadable(name, text)
    return range(first, last + 1, step)


def _number(name: str, text: str, written: str) -> int:
    if written.isdigit():
        return int(written)
    names = {"month": ("", *_MONTHS), "day of week": _DAYS}.get(name, ())
    if written.upper() not in names:
        raise _unreadable(name, text)
    return names.index(written.upper())


def _written(values: list[int] | None) -> str:
    """Return values as a Quartz field: as a step or a range where they are one."""
    if values is None:
        return "*"
    steps = {after - before for before, after in pairwise(values)}
    if len(values) > 2 and len(steps) == 1:  # noqa: PLR2004 - two are written as a list
        step = steps.pop()
        spread = f"{values[0]}-{values[-1]}"
        return spread if step == 1 else f"{spread}/{step}"
    return ",".join(map(str, values))


def _unreadable(name: str, text: str) -> InvalidMember:
    low, high = _BOUNDS[name]
    return InvalidMember(
        MEMBER,
        f"The field {name} {quoted(text)} cannot be read.",
        remedy=f'Use numbers from {low} to {high}, ranges such as "1-5", steps such as "*/15", '
        'lists, or "*".',
    )
