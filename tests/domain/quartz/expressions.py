"""Expressions drawn at random, each with its meaning, computed apart from the tested code."""

from __future__ import annotations

from calendar import month_abbr
from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import strategies as st

MONTH_NAMES = {number: name.upper() for number, name in enumerate(month_abbr) if number}
DAY_NAMES = {1: "SUN", 2: "MON", 3: "TUE", 4: "WED", 5: "THU", 6: "FRI", 7: "SAT"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """A field as written in Quartz, and as croniter would have it."""

    quartz: str
    croniter: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Both:
    """One schedule in both dialects."""

    quartz: str
    croniter: str


def walk(first: int, last: int, step: int, low: int, high: int) -> list[int]:
    """From `first` up to `last` by `step`, from `high` on to `low`."""
    span = [first]
    while span[-1] != last:
        span.append(low if span[-1] == high else span[-1] + 1)
    return span[::step]


@st.composite
def items(
    draw: st.DrawFn, low: int, high: int, names: dict[int, str], *, wraps: bool
) -> tuple[str, list[int]]:
    """One item of a list, and the values it names."""
    first = draw(st.integers(low, high))
    last = draw(st.integers(low if wraps else first, high))
    step = draw(st.integers(1, high - low))
    written, ending = names.get(first, str(first)), names.get(last, str(last))
    forms = [
        (str(first), [first]),
        (written, [first]),
        (f"{written}-{ending}", walk(first, last, 1, low, high)),
        (f"{first}-{last}/{step}", walk(first, last, step, low, high)),
        (f"{first}/{step}", list(range(first, high + 1, step))),
        (f"*/{step}", list(range(low, high + 1, step))),
        (f"/{step}", list(range(low, high + 1, step))),
    ]
    text, values = draw(st.sampled_from(forms))
    return draw(st.sampled_from([text, text.lower()])), values


@st.composite
def fields(
    draw: st.DrawFn,
    low: int,
    high: int,
    names: dict[int, str] | None = None,
    *,
    wraps: bool = True,
    shift: int = 0,
) -> Drawn:
    """A field of numbers, which croniter is given as the plain list of its values."""
    if draw(st.integers(0, 3)) == 0:
        return Drawn(quartz="*", croniter="*")
    listed = draw(st.lists(items(low, high, names or {}, wraps=wraps), min_size=1, max_size=3))
    values = sorted({value for _, named in listed for value in named})
    return Drawn(
        quartz=",".join(text for text, _ in listed),
        croniter=",".join(str(value + shift) for value in values),
    )


@st.composite
def month_days(draw: st.DrawFn) -> Drawn:
    # croniter knows nW as Quartz does only up to the 28th.
    day = draw(st.integers(1, 28))
    last_or_nearest = [Drawn(quartz="L", croniter="L"), Drawn(quartz=f"{day}W", croniter=f"{day}W")]
    return draw(fields(1, 31) | st.sampled_from(last_or_nearest))


@st.composite
def week_days(draw: st.DrawFn) -> Drawn:
    day, nth = draw(st.integers(1, 7)), draw(st.integers(1, 5))
    written = draw(st.sampled_from([str(day), DAY_NAMES[day]]))
    special = [
        Drawn(quartz="L", croniter="6"),
        Drawn(quartz=f"{written}L", croniter=f"L{day - 1}"),
        Drawn(quartz=f"{written}#{nth}", croniter=f"{day - 1}#{nth}"),
    ]
    return draw(fields(1, 7, DAY_NAMES, shift=-1) | st.sampled_from(special))


@st.composite
def schedules(draw: st.DrawFn) -> Both:
    """An expression that Quartz and croniter both understand, once each is given its own form."""
    clock = [draw(fields(0, 59)), draw(fields(0, 59)), draw(fields(0, 23))]
    month = draw(fields(1, 12, MONTH_NAMES))
    if draw(st.booleans()):
        by_month, by_week = draw(month_days()), Drawn(quartz="?", croniter="*")
    else:
        by_month, by_week = Drawn(quartz="?", croniter="*"), draw(week_days())
    parts = [*clock, by_month, month, by_week]
    if draw(st.booleans()):
        parts.append(draw(fields(1970, 2099, wraps=False)))
    return Both(
        quartz=" ".join(part.quartz for part in parts),
        croniter=" ".join(part.croniter for part in parts),
    )


def instants(first_year: int, last_year: int) -> st.SearchStrategy[datetime]:
    return st.datetimes(
        datetime(first_year, 1, 1),  # noqa: DTZ001 - given its zone by the strategy
        datetime(last_year, 12, 31),  # noqa: DTZ001 - given its zone by the strategy
        timezones=st.just(UTC),
    )
