"""Lateness chart: a histogram of lateness as SVG, made from counts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from app.domain.lateness import BOUNDS, Histogram

EDGES_MS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0)
"""Upper ends of the bars; the last bar has what is later."""

WIDTH: Final = 600
HEIGHT: Final = 160
_GAP: Final = 6
_LEAST: Final = 2
"""The height of a bar of few calls, so that it is seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """The calls that began as late as `label` tells, and later than those of the bar before."""

    label: str
    tick: str
    """The label as short as an axis has it."""
    number: int
    share: float
    """Of all calls, from 0 to 1."""


def bars(histogram: Histogram) -> tuple[Bar, ...]:
    """Return the bars of a histogram, each of which joins several buckets of it."""
    numbers = [0] * (len(EDGES_MS) + 1)
    for index, count in enumerate(histogram.counts):
        bound = BOUNDS[index] if index < len(BOUNDS) else float("inf")
        numbers[_index_of(bound)] += count
    total = sum(numbers) or 1
    ticks = [*map(_shown, EDGES_MS), f"> {_shown(EDGES_MS[-1])}"]
    return tuple(
        Bar(
            label=tick if tick.startswith(">") else f"≤ {tick}",
            tick=tick.removesuffix(" ms"),
            number=number,
            share=number / total,
        )
        for tick, number in zip(ticks, numbers, strict=True)
    )


def draw(shown: Sequence[Bar]) -> Markup:
    """Return the bars as SVG; the table beside it says the same in words."""
    width = WIDTH / len(shown)
    most = max((each.share for each in shown), default=0) or 1
    rects = Markup("").join(
        Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="2"><title>{}</title></rect>').format(
            _number(index * width + _GAP / 2),
            _number(HEIGHT - _height(each, most)),
            _number(width - _GAP),
            _number(_height(each, most)),
            f"{each.label}: {percent(each.share)} of calls",
        )
        for index, each in enumerate(shown)
        if each.number
    )
    return Markup(
        '<svg class="bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="How late calls began"><line x1="0" y1="{}" x2="{}" y2="{}"></line>{}</svg>'
    ).format(WIDTH, HEIGHT, HEIGHT - 0.5, WIDTH, HEIGHT - 0.5, rects)


def percent(share: float) -> str:
    """Return a share as a percentage; a share above 0 is never shown as 0."""
    hundredths = 100 * share
    return "< 0.1 %" if 0 < hundredths < 0.1 else f"{hundredths:.1f} %"  # noqa: PLR2004 - as shown


def _index_of(bound_ms: float) -> int:
    """Return the index of the bar for a bucket with this upper bound."""
    # A bucket that an edge divides is counted as later, never as earlier.
    return next((index for index, edge in enumerate(EDGES_MS) if bound_ms <= edge), len(EDGES_MS))


def _height(bar: Bar, most: float) -> float:
    return max(bar.share / most * (HEIGHT - 1), _LEAST)


def _shown(milliseconds: float) -> str:
    return "1 s" if milliseconds == 1000 else f"{milliseconds:g} ms"  # noqa: PLR2004 - a second


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
