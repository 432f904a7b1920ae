"""Retry chart: when the attempts of a run begin, as a list and on a small axis of time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import Final

from markupsafe import Markup

from app.domain.retry_policy import (
    DEFAULT,
    Constant,
    Policy,
    most_attempts,
    pause_after,
    since_due,
    wait_after,
)

MAX_SHOWN: Final = 20
"""The most attempts that are shown."""

_WIDTH: Final = 620
_LEFT: Final = 10
_LINE_Y: Final = 18
_HEIGHT: Final = 46
_TICKS: Final = (
    (1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (21_600, "6 h"),
    (86_400, "1 d"), (604_800, "7 d"),
)  # fmt: skip
_UNITS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrySteps:
    """The attempts of a run that never succeeds."""

    offsets: tuple[float, ...]
    """Seconds after the due time, without jitter and without the time of the calls."""
    most: int
    """How many attempts there are at most."""

    @property
    def is_cut(self) -> bool:
        """Whether there are attempts that are not shown."""
        return self.most > len(self.offsets)


def steps_of(policy: Policy | None) -> RetrySteps:
    """Return the attempts under a retry policy; None for the default."""
    policy = policy or DEFAULT
    most = most_attempts(policy)
    offsets = [0.0]
    for made in range(1, min(most, MAX_SHOWN)):
        if isinstance(policy, Constant):
            pause = offsets[-1] + pause_after(policy, made).total_seconds()
            offsets.append(max(since_due(policy, made).total_seconds(), pause))
            continue
        following = offsets[-1] + wait_after(policy, made).total_seconds()
        if policy.max_age is not None and following > policy.max_age:
            return RetrySteps(offsets=tuple(offsets), most=len(offsets))
        offsets.append(following)
    return RetrySteps(offsets=tuple(offsets), most=most)


def in_words(found: RetrySteps) -> str:
    """Return the attempts in a sentence."""
    if found.most == 1:
        return "One attempt, at the due time, and no retry."
    waits = [_length(after - before) for before, after in pairwise(found.offsets)]
    text = f"{found.most:,} attempts: at the due time, then after {', '.join(waits)}"
    if found.is_cut:
        return f"{text} and so on."
    return f"{text}. The last one is {_length(found.offsets[-1])} after the first."


def chart(found: RetrySteps) -> Markup:
    """Return the axis: logarithmic, from the due time to the last attempt."""
    end = max(found.offsets[-1], 1.0)
    marks = Markup("").join(
        Markup('<circle cx="{}" cy="{}" r="4"><title>attempt {}: {}</title></circle>').format(
            _x(offset, end),
            _LINE_Y,
            number,
            f"{_length(offset)} after the due time" if offset else "due",
        )
        for number, offset in enumerate(found.offsets, 1)
    )
    ticks = Markup("").join(
        Markup('<path d="M{0} {1}v5"/><text x="{0}" y="{2}">{3}</text>').format(
            _x(seconds, end), _LINE_Y + 6, _HEIGHT - 6, label
        )
        for seconds, label in [(0, "due"), *_TICKS]
        if seconds <= end
    )
    return Markup(
        '<svg class="ladder" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<path class="line" d="M{} {}H{}"/><g class="ticks">{}</g><g class="marks">{}</g></svg>'
    ).format(_WIDTH, _HEIGHT, in_words(found), _LEFT, _LINE_Y, _WIDTH - _LEFT, ticks, marks)


def _x(seconds: float, end: float) -> float:
    return round(_LEFT + (_WIDTH - 2 * _LEFT) * log(1 + seconds) / log(1 + end), 1)


def _length(seconds: float) -> str:
    """Return seconds in the two largest units: `5 s`, `1 h 30 min`."""
    if seconds < 1:
        return f"{seconds:.2g} s"
    left, parts = int(seconds), []
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
