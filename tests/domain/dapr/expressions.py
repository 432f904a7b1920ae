"""Expressions drawn at random, each with what it means, worked out apart from the code tested."""

from __future__ import annotations

from calendar import day_abbr, month_abbr
from dataclasses import dataclass
from datetime import datetime

from hypothesis import strategies as st

MONTHS = {number: name.upper() for number, name in enumerate(month_abbr) if number}
WEEKDAYS = {(number + 1) % 7: name.upper() for number, name in enumerate(day_abbr)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A field as written, the values that it names, and whether a star leaves it open."""

    text: str
    values: frozenset[int]
    star: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Expression:
    seconds: Drawn
    minutes: Drawn
    hours: Drawn
    month_days: Drawn
    months: Drawn
    week_days: Drawn

    @property
    def text(self) -> str:
        parts = (self.seconds, self.minutes, self.hours, self.month_days, self.months)
        return " ".join(part.text for part in (*parts, self.week_days))

    def has_day(self, wall: datetime) -> bool:
        on_date = wall.day in self.month_days.values
        on_weekday = wall.isoweekday() % 7 in self.week_days.values
        if self.month_days.star or self.week_days.star:
            return wall.month in self.months.values and on_date and on_weekday
        return wall.month in self.months.values and (on_date or on_weekday)

    def matches(self, wall: datetime) -> bool:
        return (
            wall.second in self.seconds.values
            and wall.minute in self.minutes.values
            and wall.hour in self.hours.values
            and self.has_day(wall)
        )


@st.composite
def items(draw: st.DrawFn, low: int, high: int, names: dict[int, str]) -> Drawn:
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    step = draw(st.integers(2, high - low))
    begin, end = names.get(first, str(first)), names.get(last, str(last))
    every = range(low, high + 1)
    forms = [
        (str(first), [first], False),
        (begin, [first], False),
        (f"{first:02}", [first], False),
        (f"{begin}-{end}", range(first, last + 1), False),
        (f"{first}-{last}/{step}", range(first, last + 1, step), False),
        (f"{begin}/{step}", range(first, high + 1, step), False),
        (f"*/{step}", range(low, high + 1, step), False),
        ("*/1", every, True),
        ("?", every, True),
        ("*", every, True),
    ]
    text, values, star = draw(st.sampled_from(forms))
    text = draw(st.sampled_from([text, text.lower(), text.title()]))
    return Drawn(text=text, values=frozenset(values), star=star)


@st.composite
def fields(draw: st.DrawFn, low: int, high: int, names: dict[int, str] | None = None) -> Drawn:
    if draw(st.integers(0, 3)) == 0:
        return Drawn(text="*", values=frozenset(range(low, high + 1)), star=True)
    listed = draw(st.lists(items(low, high, names or {}), min_size=1, max_size=3))
    return Drawn(
        text=",".join(each.text for each in listed),
        values=frozenset[int]().union(*(each.values for each in listed)),
        star=any(each.star for each in listed),
    )


ZERO = Drawn(text="0", values=frozenset({0}))


@st.composite
def expressions(
    draw: st.DrawFn, *, seconds: bool = True, times: bool = True, days: bool = True
) -> Expression:
    """An expression; at second 0, at midnight, or on every day where the rest is not wanted."""
    whole = Drawn(text="?", values=frozenset(range(32)), star=True)
    return Expression(
        seconds=draw(fields(0, 59)) if seconds else ZERO,
        minutes=draw(fields(0, 59)) if times else ZERO,
        hours=draw(fields(0, 23)) if times else ZERO,
        month_days=draw(fields(1, 31)) if days else whole,
        months=draw(fields(1, 12, MONTHS)) if days else whole,
        week_days=draw(fields(0, 6, WEEKDAYS)) if days else whole,
    )
