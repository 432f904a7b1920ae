"""Description: the meaning of an expression's day fields, in English."""

from __future__ import annotations

from calendar import day_name, month_name
from collections.abc import Sequence
from typing import Final

from app.domain.quartz.days import LAST, LAST_OF_WEEKDAY, NEAREST, NTH_OF_WEEKDAY
from app.domain.quartz.expansion import expand, value_of
from app.domain.quartz.fields import DAY_OF_MONTH, DAY_OF_WEEK, MONTH

_NTH: Final = ("", "first", "second", "third", "fourth", "fifth")
_FIFTH: Final = 5
_EVERY: Final = "every day"
_WEEKDAY: Final = "the weekday (Monday to Friday)"
SHORTEST_MONTH: Final = 28
SHORT_MONTHS: Final = "; shorter months leave out the days they lack"
_RUN: Final = 3


def describe_days(expression: str) -> str | None:
    """Return the meaning of the two day fields of a readable expression; None for every day."""
    month_days, months, week_days = expression.upper().split()[3:6]
    if month_days == week_days:
        return 'day-of-month and day-of-week: both are "*", which is read as every day.'
    by_month = week_days == "?"
    days = name_days(expression)
    if days is None:
        return None
    counts = "day-of-month" if by_month else "day-of-week"
    short = SHORT_MONTHS if by_month and _may_be_missing(month_days) else ""
    named = describe_months(expand(MONTH, months))
    return f"day-of-month and day-of-week: only {counts} counts, {days}{named}{short}."


def name_days(expression: str) -> str | None:
    """Return the days of a readable expression, without its months; None for every day."""
    month_days, _, week_days = expression.upper().split()[3:6]
    if month_days == week_days:
        return None
    days = _days_of_month(month_days) if week_days == "?" else _days_of_week(week_days)
    return None if days == _EVERY else days


def _days_of_month(text: str) -> str:
    special = list(dict.fromkeys(filter(_is_special, text.split(","))))
    plain = ",".join(item for item in text.split(",") if item not in special)
    days = expand(DAY_OF_MONTH, plain) if plain else ()
    if len(days) == DAY_OF_MONTH.high:
        return _EVERY
    numbered = [describe_days_of_month(days)] if days else []
    return ", and ".join([*numbered, *map(_special_day, special)])


def _is_special(item: str) -> bool:
    return bool(LAST.fullmatch(item) or NEAREST.fullmatch(item))


def _special_day(item: str) -> str:
    if last := LAST.fullmatch(item):
        return _last(int(last["before"] or 0), weekday=last["weekday"] is not None)
    day = _ordinal(int(item.removesuffix("W")))
    return f"on {_WEEKDAY} nearest to the {day}, in the same month"


def describe_days_of_month(days: Sequence[int]) -> str:
    """The days of the month, by their numbers."""
    named = [f"the {_ordinal(day)}" for day in range(DAY_OF_MONTH.high + 1)]
    return f"{_listed(days, named)} of the month"


def describe_weekdays(from_monday: Sequence[int]) -> str:
    """The days of the week, ascending, Monday being 0."""
    return _listed(_in_a_circle(list(from_monday), 7), list(day_name))


def _last(before: int, *, weekday: bool) -> str:
    if weekday and not before:
        return "on the last weekday (Monday to Friday) of the month"
    day = "the last day of the month"
    if before:
        day = f"the {'' if before == 1 else _ordinal(before) + ' '}day before {day}"
    return f"on {_WEEKDAY} nearest to {day}, in the same month" if weekday else f"on {day}"


def _may_be_missing(text: str) -> bool:
    return any(map(_item_may_be_missing, text.split(",")))


def _item_may_be_missing(text: str) -> bool:
    if text.startswith("L"):
        return "-" in text and int(text.strip("LW-") or 0) >= SHORTEST_MONTH
    days = [int(text[:-1])] if text.endswith("W") else expand(DAY_OF_MONTH, text)
    return max(days) > SHORTEST_MONTH


def _days_of_week(text: str) -> str:
    if text == "L":
        return 'on Saturday (a lone "L" is the last day of the week)'
    if last := LAST_OF_WEEKDAY.fullmatch(text):
        return f"on the last {_weekday(value_of(DAY_OF_WEEK, text, last['weekday']))} of the month"
    if nth := NTH_OF_WEEKDAY.fullmatch(text):
        which = int(nth["nth"])
        weekday = _weekday(value_of(DAY_OF_WEEK, text, nth["weekday"]))
        only = ", in months that have five" if which == _FIFTH else ""
        return f"on the {_NTH[which]} {weekday} of the month{only}"
    days = expand(DAY_OF_WEEK, text)
    if len(days) == DAY_OF_WEEK.high:
        return _EVERY
    # Quartz begins its week on Sunday; read aloud it begins on Monday.
    from_monday = sorted((day - 2) % 7 for day in days)
    return describe_weekdays(from_monday)


def describe_months(months: Sequence[int]) -> str:
    """The months, to be put behind the days; nothing where they are all."""
    if len(months) == MONTH.high:
        return ""
    names = [month_name[month] for month in range(1, 13)]
    return ", " + _listed(_in_a_circle([month - 1 for month in months], 12), names, on="in")


def _weekday(number: int) -> str:
    # Quartz counts from Sunday, 1; the calendar from Monday, 0.
    return day_name[(number - 2) % 7]


def _in_a_circle(values: list[int], size: int) -> list[int]:
    """Return the values, rotated to begin with a range that wraps around, if there is one."""
    if values[0] != 0 or values[-1] != size - 1:
        return values
    begin = max(index for index in range(1, len(values)) if values[index] - values[index - 1] > 1)
    return [*values[begin:], *values[:begin]]


def _listed(values: Sequence[int], named: Sequence[str], on: str = "on") -> str:
    """Return the values by their names; three or more consecutive ones as a range."""
    runs: list[list[int]] = []
    for value in values:
        if runs and (value - runs[-1][-1]) % len(named) == 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    if all(len(run) < _RUN for run in runs):
        return f"{on} {joined([named[value] for value in values])}"
    parts: list[str] = []
    for run in runs:
        if len(run) < _RUN:
            parts += [f"{on} {named[value]}" for value in run]
        else:
            parts.append(f"from {named[run[0]]} to {named[run[-1]]}")
    return joined(parts)


def joined(parts: list[str]) -> str:
    """The parts with commas, and "and" before the last."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if parts[1:] else parts[0]


def _ordinal(number: int) -> str:
    teen = number // 10 == 1
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
