"""Figures: an account's accuracy as answers show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.api.native.tree import Value
from app.domain import instants
from app.domain.lateness import Accuracy, Window

_DIGITS: Final = 4


def of_accuracy(accuracy: Accuracy) -> Mapping[str, Value]:
    """The members of an account's accuracy, times in milliseconds."""
    return {
        "asOf": instants.format_utc(accuracy.as_of),
        "hour": _of_window(accuracy.hour),
        "day": _of_window(accuracy.day),
    }


def _of_window(window: Window) -> Mapping[str, Value]:
    return {
        "since": instants.format_utc(window.since),
        "deliveries": window.deliveries,
        "p50Ms": _rounded(window.p50),
        "p95Ms": _rounded(window.p95),
        "p99Ms": _rounded(window.p99),
        "maxMs": _rounded(window.most),
    }


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, _DIGITS)
