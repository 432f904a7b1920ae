"""Crontab expressions drawn at random, with their meaning, computed apart from the tested code."""

from __future__ import annotations

from calendar import day_abbr, month_abbr
from dataclasses import dataclass
from datetime import datetime

from hypothesis import strategies as st

MONTHS = {number: name for number, name in enumerate(month_abbr) if number}
WEEKDAYS = {(number + 1) % 7: name for number, name in enumerate(day_abbr)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A field as written, and the values that it names."""

    text: str
    values: frozenset[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Expression:
    minutes: Drawn
    hours: Drawn
    month_days: Drawn
    months: Drawn
    week_days: Drawn

    @property
    def text(self) -> str:
        parts = (self.minutes, self.hours, self.month_days, self.months, self.week_days)
        return " ".join(part.text for part in parts)

    @property
    def is_one_day_enough(self) -> bool:
        return self.month_days.text[0] != "*" and self.week_days.text[0] != "*"

    def has_date(self, wall: datetime) -> bool:
        on_date = wall.day in self.month_days.values
        on_weekday = wall.isoweekday() % 7 in self.week_days.values
        on_day = on_date or on_weekday if self.is_one_day_enough else on_date and on_weekday
        return wall.month in self.months.values and on_day

    def for_croniter(self) -> str:
        """The same as plain lists of values, which croniter reads as cron does."""
        by_month, by_week = self.month_days.values, self.week_days.values
        if self.is_one_day_enough and (len(by_month) == 31 or len(by_week) == 7):
            by_month, by_week = frozenset(range(1, 32)), frozenset(range(7))
        parts = (
            (self.minutes.values, 60),
            (self.hours.values, 24),
            (by_month, 31),
            (self.months.values, 12),
            (by_week, 7),
        )
        return " ".join(
            "*" if len(values) == size else ",".join(map(str, sorted(values)))
            for values, size in parts
        )

    def matches(self, wall: datetime) -> bool:
        return (
            wall.minute in self.minutes.values
            and wall.hour in self.hours.values
            and self.has_date(wall)
        )


@st.composite
def items(draw: st.DrawFn, low: int, high: int, names: dict[int, str]) -> Drawn:
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    step = draw(st.integers(1, high - low))
    begin, end = names.get(first, str(first)), names.get(last, str(last))
    forms = [
        (f"{first}", [first]),
        (begin, [first]),
        (f"{first:02}", [first]),
        (f"{first}-{last}", range(first, last + 1)),
        (f"{begin}-{end}", range(first, last + 1)),
        (f"{first}-{last}/{step}", range(first, last + 1, step)),
        (f"*/{step}", range(low, high + 1, step)),
        ("*", range(low, high + 1)),
    ]
    text, values = draw(st.sampled_from(forms))
    text = draw(st.sampled_from([text, text.lower(), text.upper()]))
    return Drawn(text=text, values=frozenset(values))


@st.composite
def fields(draw: st.DrawFn, low: int, high: int, names: dict[int, str] | None = None) -> Drawn:
    if draw(st.integers(0, 3)) == 0:
        return Drawn(text="*", values=frozenset(range(low, high + 1)))
    listed = draw(st.lists(items(low, high, names or {}), min_size=1, max_size=3))
    return Drawn(
        text=",".join(item.text for item in listed),
        values=frozenset(value for item in listed for value in item.values),
    )


def _of_week(drawn: Drawn) -> Drawn:
    return Drawn(text=drawn.text, values=frozenset(value % 7 for value in drawn.values))


def expressions() -> st.SearchStrategy[Expression]:
    return st.builds(
        Expression,
        minutes=fields(0, 59),
        hours=fields(0, 23),
        month_days=fields(1, 31),
        months=fields(1, 12, MONTHS),
        week_days=fields(0, 7, WEEKDAYS).map(_of_week),
    )
