"""Charts: SVG made from counts, lateness and timings, as text. Pure.

Shapes have classes, whose colours and patterns `static/runs.css` gives: the content security
policy forbids styles in attributes. A chart scales to its container without its strokes, so its
labels are HTML beside it (templates/macros/charts.html), and a table has the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from app.domain.run import Timing

WIDTH: Final = 960
HEIGHT: Final = 120
_BAR: Final = 0.72
"""The part of its slot that a bar fills."""

_LEAST_HEIGHT: Final = 1.5
_TIMING_HEIGHT: Final = 10
_FINEST_MS: Final = 0.1


_HATCHES: Final = {
    "failed": "M-1 1 1-1M0 6 6 0M5 7 7 5",
    "dead": "M0 0 6 6M0 6 6 0",
    "cancelled": "M0 1.5H6M0 4.5H6",
}
"""The lines of a pattern of 6 by 6 for each class of bars that is not solid."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A bar: its parts from the bottom up, each a class and a number; `text` says it in words."""

    parts: tuple[tuple[str, int], ...]
    text: str

    @property
    def total(self) -> int:
        """The height of the bar."""
        return sum(number for _, number in self.parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """The lower and the upper end of a logarithmic axis, both powers of ten."""

    low: int
    high: int

    @property
    def marks(self) -> tuple[float, ...]:
        """The values at the lines of the axis, the greatest first."""
        return tuple(10.0**power for power in range(self.high, self.low - 1, -1))

    def height(self, value: float) -> float:
        """How far down from the top a value is, from 0 to 1; values beyond the ends are at them."""
        power = math.log10(max(value, _FINEST_MS / 10))
        return min(max((self.high - power) / (self.high - self.low), 0.0), 1.0)


def nice_top(most: int) -> int:
    """Return the upper end of an axis for counts up to `most`: 1, 2 or 5 times a power of ten."""
    if most <= 1:
        return 1
    power: int = 10 ** (len(str(most - 1)) - 1)
    return next(each * power for each in (1, 2, 5, 10) if each * power >= most)


def scale_of(values: Iterable[float]) -> Scale:
    """Return a scale for these values in milliseconds; it covers at least a decade."""
    found = [max(each, _FINEST_MS) for each in values]
    if not found:
        return Scale(low=0, high=1)
    low, high = math.floor(math.log10(min(found))), math.ceil(math.log10(max(found)))
    return Scale(low=low, high=max(high, low + 1))


def top_of(found: Sequence[Bar]) -> int:
    """Return the number that reaches the upper edge of a chart of these bars."""
    return nice_top(max((each.total for each in found), default=0))


def bars(found: Sequence[Bar], label: str, *, name: str) -> Markup:
    """Return stacked bars of one width. `name` begins the ids of this chart's patterns."""
    most = top_of(found)
    slot = WIDTH / max(len(found), 1)
    shapes = [
        _patterns(name, {part for bar in found for part, _ in bar.parts}),
        Markup('<path class="grid" d="M0 .5H{0}M0 {1}H{0}M0 {2}H{0}"/>').format(
            WIDTH, _number(HEIGHT / 2), _number(HEIGHT - 0.5)
        ),
    ]
    width = _number(slot * _BAR)
    drawn: dict[str, list[str]] = {part: [] for bar in found for part, _ in bar.parts}
    for number, bar in enumerate(found):
        x = _number(slot * (number + (1 - _BAR) / 2))
        for part, low, height in _stacked(bar, most):
            drawn[part].append(f"M{x} {_number(low)}h{width}v-{_number(height)}h-{width}z")
    for part, paths in drawn.items():
        fill = Markup(' fill="url(#{}-{})"').format(name, part) if part in _HATCHES else ""
        shapes.append(Markup('<path class="b-{}" d="{}"{}/>').format(part, "".join(paths), fill))
    for number, bar in enumerate(found):
        shapes.append(
            Markup('<path class="hit" d="M{} 0h{}v{}h-{}z"><title>{}</title></path>').format(
                *(_number(slot * number), _number(slot), HEIGHT, _number(slot), bar.text)
            )
        )
    return _svg(label, Markup().join(shapes))


def lines(series: Sequence[tuple[str, Sequence[float | None]]], label: str, scale: Scale) -> Markup:
    """Return lines over a logarithmic axis, each a class and its values; None leaves a gap.

    The values are in the middle of as many slots of one width as `bars` has.
    """
    levels = [HEIGHT * scale.height(each) for each in scale.marks]
    grid = Markup("").join(
        Markup("M0 {}H{}").format(_number(min(max(each, 0.5), HEIGHT - 0.5)), WIDTH)
        for each in levels
    )
    shapes = [Markup('<path class="grid" d="{}"/>').format(grid)]
    for name, values in series:
        slot = WIDTH / max(len(values), 1)
        shapes.append(
            Markup('<path class="line {}" d="{}"/>').format(name, _path(values, slot, scale))
        )
    return _svg(label, Markup().join(shapes))


def phases(timing: Timing) -> tuple[tuple[str, str, float], ...]:
    """Return the phases of a call that are known: class, name and milliseconds, in order.

    A Timing has milliseconds from the start of the call to each milestone.
    """
    milestones = (
        ("dns", "Name lookup", timing.dns),
        ("connect", "Connection", timing.connect),
        ("tls", "TLS", timing.tls),
        ("wait", "Waiting for the first byte", timing.first_byte),
        ("read", "Reading the response", timing.total),
    )
    found = []
    before = 0.0
    for name, text, at in milestones:
        if at is not None and at >= before:
            found.append((name, text, at - before))
            before = at
    return tuple(found)


def timing_bar(timing: Timing, label: str) -> Markup:
    """Return one bar with a segment for each phase of a call."""
    found = phases(timing)
    total = sum(length for *_, length in found) or 1.0
    x, segments = 0.0, []
    for name, _, length in found:
        width = WIDTH * length / total
        segments.append(
            Markup('<rect class="t-{}" x="{}" y="0" width="{}" height="{}"/>').format(
                name, _number(x), _number(width), _TIMING_HEIGHT
            )
        )
        x += width
    return Markup(
        '<svg class="timing" role="img" aria-label="{}" viewBox="0 0 {} {}" '
        'preserveAspectRatio="none">{}</svg>'
    ).format(label, WIDTH, _TIMING_HEIGHT, Markup().join(segments))


def _patterns(name: str, classes: Collection[str]) -> Markup:
    made = [
        Markup(
            '<pattern id="{0}-{1}" class="b-{1}" width="6" height="6" '
            'patternUnits="userSpaceOnUse"><rect width="6" height="6"/><path d="{2}"/></pattern>'
        ).format(name, each, path)
        for each, path in _HATCHES.items()
        if each in classes
    ]
    return Markup("<defs>{}</defs>").format(Markup().join(made)) if made else Markup()


def _stacked(bar: Bar, most: int) -> Iterator[tuple[str, float, float]]:
    """Yield class, lower edge and height of each part; one that is not zero is at least visible."""
    low = float(HEIGHT)
    for part, count in bar.parts:
        if count:
            height = max(HEIGHT * count / most, _LEAST_HEIGHT)
            yield part, low, height
            low -= height


def _path(values: Sequence[float | None], slot: float, scale: Scale) -> str:
    """Return a path through the values; one between two gaps is a short line."""
    commands: list[str] = []
    for number, value in enumerate(values):
        if value is None:
            continue
        x, y = slot * (number + 0.5), HEIGHT * scale.height(value)
        is_first = number == 0 or values[number - 1] is None
        is_last = number + 1 == len(values) or values[number + 1] is None
        if is_first and is_last:
            commands.append(f"M{_number(x - slot / 4)} {_number(y)}H{_number(x + slot / 4)}")
        else:
            commands.append(f"{'M' if is_first else 'L'}{_number(x)} {_number(y)}")
    return "".join(commands)


def _svg(label: str, shapes: Markup) -> Markup:
    return Markup(
        '<svg class="plot" role="img" aria-label="{}" viewBox="0 0 {} {}" '
        'preserveAspectRatio="none">{}</svg>'
    ).format(label, WIDTH, HEIGHT, shapes)


def _number(value: float) -> str:
    """Return a coordinate with at most one digit after the point."""
    return f"{value:.1f}".removesuffix(".0")
