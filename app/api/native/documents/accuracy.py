"""Figures: an account's limits and its accuracy as answers show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from app.api.native.codecs.generic_codec import Value
from app.domain import instants
from app.domain.lateness import Accuracy, Window
from app.service.limits import State

_DIGITS: Final = 4


def of_account(name: str, states: Iterable[State]) -> Mapping[str, Value]:
    """The members of an account; a limit that is off is null."""
    return {"account": name, "limits": {each.limit.name: _of_limit(each) for each in states}}


def _of_limit(state: State) -> Mapping[str, Value]:
    used = {} if state.used is None else {"used": state.used}
    return {"limit": state.allowed, **used}


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
