"""Figures: the arithmetic of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from statistics import median
from typing import Final

_WHOLE_FROM: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Lateness:
    """How late calls reached their receiver, in milliseconds after the booked instant."""

    p50: float
    p99: float
    p999: float
    max: float
    min: float
    samples: int

    def document(self) -> dict[str, float]:
        """As it is written down."""
        return asdict(self)


def percentile(ascending: Sequence[float], share: float) -> float:
    """The least value that at least `share` (above 0, up to 1) of all values do not exceed.

    That is the nearest rank: always a value that was measured. Raises ValueError for no values.
    """
    if not ascending:
        raise ValueError("A percentile needs at least one value.")
    return ascending[max(1, ceil(round(share * len(ascending), 6))) - 1]


def lateness(seconds: Sequence[float]) -> Lateness:
    """The percentiles of these, each the seconds from an instant to the call's arrival."""
    ascending = sorted(seconds)

    def at(share: float) -> float:
        return round(percentile(ascending, share) * 1000, 2)

    return Lateness(
        p50=at(0.5),
        p99=at(0.99),
        p999=at(0.999),
        max=at(1.0),
        min=round(ascending[0] * 1000, 2),
        samples=len(ascending),
    )


def middle(values: Sequence[float]) -> float:
    """The median, which one disturbed round does not move."""
    return float(median(values))


def spread(values: Sequence[float]) -> float:
    """How far the rounds lay apart: (largest - least) / median."""
    centre = middle(values)
    return round((max(values) - min(values)) / centre, 3) if centre else 0.0


def rounded(value: float, digits: int = 3) -> float:
    """To so many significant digits: more would be noise."""
    return float(f"{value:.{digits}g}")


def format_ms(milliseconds: float) -> str:
    """Milliseconds as a page tells them: without a fraction from a hundred on."""
    return f"{milliseconds:,.0f} ms" if milliseconds >= _WHOLE_FROM else f"{milliseconds:.1f} ms"
