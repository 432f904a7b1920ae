"""Accuracy document: how late the account's calls began."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.api.native.codecs.generic_codec import Value
from app.domain import instants
from app.domain.lateness import Accuracy, Window

_DIGITS: Final = 4


def render(accuracy: Accuracy) -> Mapping[str, Value]:
    """The members of an account's accuracy, times in milliseconds."""
    return {
        "asOf": instants.format_utc(accuracy.as_of),
        "hour": _render_window(accuracy.hour),
        "day": _render_window(accuracy.day),
    }


def _render_window(window: Window) -> Mapping[str, Value]:
    return {"since": instants.format_utc(window.since), **render_lateness(window)}


def render_lateness(window: Window) -> Mapping[str, Value]:
    """The members of the lateness in a span of time."""
    return {
        "deliveries": window.deliveries,
        "p50Ms": _round(window.p50),
        "p95Ms": _round(window.p95),
        "p99Ms": _round(window.p99),
        "maxMs": _round(window.maximum),
    }


def _round(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, _DIGITS)
