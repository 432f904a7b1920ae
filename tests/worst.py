"""Worst cases: how long code takes with its most expensive input."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.errors import WakecallError

SIZE = 64 * 1024
LIMIT_S = 0.05
_TRIES = 20
_REFERENCE_S = 0.002
"""What `_yardstick` takes on the machine that limits are given for."""


@dataclass(frozen=True, kw_only=True)
class TextInput:
    """Text that a client controls: what reads it, and its costliest text of a given length.

    Each text is read within `limit_s`. `patterns` are the compiled patterns of `app` that match
    against it.
    """

    read: Callable[[Any], object]
    worst: tuple[Callable[[int], Any], ...]
    patterns: tuple[str, ...] = ()
    limit_s: float = LIMIT_S


def repeated(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    """Texts made of one unit, over and over, between two others."""
    return lambda size: before + unit * (size // len(unit)) + after


def numbered(
    unit: str, before: str = "", after: str = "", separator: str = ","
) -> Callable[[int], str]:
    """Texts made of one unit, over and over, each with a number of its own."""

    def build(size: int) -> str:
        width = len(unit) + len(separator) + 4
        return before + separator.join(unit % each for each in range(size // width)) + after

    return build


def is_fast(
    read: Callable[[Any], object], text: Any, limit: float = LIMIT_S, *, tries: int = _TRIES
) -> bool:
    """Whether reading takes less than `limit` seconds of this thread's time.

    One of several `tries` counts: a busy machine makes some of them slow, and never one fast. A
    machine that is slow at other work, too, has as much more time.
    """
    return any(cpu_seconds(read, text) < limit * slowness() for _ in range(tries))


def slowness() -> float:
    """How many times as long as on the machine of the limits this one computes; at least 1."""
    return max(1.0, cpu_seconds(_yardstick, "x" * SIZE) / _REFERENCE_S)


def _yardstick(text: str) -> int:
    return sum(each == "y" for each in text)


def cpu_seconds(read: Callable[[Any], object], text: Any) -> float:
    """The seconds of this thread's time that reading takes; a refusal is as good as a value."""
    began = time.thread_time()
    with suppress(WakecallError):
        read(text)
    return time.thread_time() - began
