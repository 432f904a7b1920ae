"""Day chart: a day of runs by half hours, their ends as bars and their lateness as lines. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup

from app.console import charts, times
from app.console.charts import Bar
from app.domain.firing_load import FiringLoad
from app.domain.overview import Overview
from app.domain.run import RunState
from app.domain.run_counts import RunCount

STATES: Final = (RunState.SUCCEEDED, RunState.FAILED, RunState.DEAD, RunState.CANCELLED)
"""The states of a bar's parts, from the bottom up."""

_LABEL_EVERY: Final = 6
"""Bars between two labels of the axis: three hours."""

_HOURS_BETWEEN: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class DayChart:
    """The two charts of a day, one below the other, with their axes."""

    bars: Markup
    lines: Markup
    top: int
    """The number at the upper end of the first axis."""
    marks: tuple[str, ...]
    """The texts of the second axis, the greatest first."""
    labels: tuple[str, ...]
    """The texts below, from left to right."""
    counts: tuple[RunCount, ...]
    """What the charts show, the oldest first."""


def day_chart(overview: Overview, clock: Callable[[datetime], str]) -> DayChart:
    """Return the charts of an overview; `clock` gives an instant's time of day."""
    span = overview.span
    known = {each.begins: each for each in overview.counts.counts}
    begins = [
        span.begins + number * span.step for number in range((span.ends - span.begins) // span.step)
    ]
    counts = [
        known.get(each) or RunCount(begins=each, numbers=dict.fromkeys(STATES, 0), lateness=None)
        for each in begins
    ]
    windows = [each.lateness for each in counts]
    p50 = [None if each is None else each.p50 for each in windows]
    p99 = [None if each is None else each.p99 for each in windows]
    scale = charts.scale_of(each for each in (*p50, *p99) if each is not None)
    found = [_bar(each, clock) for each in counts]
    return DayChart(
        bars=charts.bars(found, "Runs that ended, by half hour and state", name="day"),
        lines=charts.lines(
            [("p50", p50), ("p99", p99)], "Lateness by half hour, p50 and p99", scale
        ),
        top=charts.top_of(found),
        marks=tuple(_mark(each) for each in scale.marks),
        labels=tuple(clock(each) for each in begins[::_LABEL_EVERY]),
        counts=tuple(counts),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadChart:
    """The hours of the next day, with the firings in each."""

    bars: Markup
    top: int
    labels: tuple[str, ...]
    hours: tuple[tuple[datetime, int], ...]


def load_chart(load: FiringLoad, clock: Callable[[datetime], str]) -> LoadChart:
    """Return the chart of a firing load."""
    hours = tuple(
        (load.begins + number * timedelta(hours=1), count)
        for number, count in enumerate(load.counts)
    )
    found = [
        Bar(parts=(("firings", count),), text=f"{clock(begins)}: {count:,} firings")
        for begins, count in hours
    ]
    return LoadChart(
        bars=charts.bars(found, "Next firings by the hour", name="load"),
        top=charts.top_of(found),
        labels=tuple(clock(begins) for begins, _ in hours[::_HOURS_BETWEEN]),
        hours=hours,
    )


def _bar(counted: RunCount, clock: Callable[[datetime], str]) -> Bar:
    parts = tuple((str(state), counted.numbers[state]) for state in STATES)
    words = ", ".join(f"{number:,} {name}" for name, number in parts if number) or "no runs"
    lateness = counted.lateness
    if lateness is not None and lateness.p99 is not None:
        words += f"; p99 {times.milliseconds(lateness.p99)} late"
    return Bar(parts=parts, text=f"{clock(counted.begins)}: {words}")


def _mark(value: float) -> str:
    if value >= 1000:  # noqa: PLR2004 - milliseconds of a second
        return f"{value / 1000:,g} s"
    return f"{value:g} ms"
