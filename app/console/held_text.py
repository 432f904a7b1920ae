"""Held text: why workers hold calls to a destination back, in a sentence. Pure."""

from __future__ import annotations

from typing import Final

from app.domain.circuit_breaker import BlockReason
from app.domain.waiting_report import HALF_OPEN

_WORDS: Final = {
    BlockReason.FULL: "The maximum number of calls is under way.",
    BlockReason.ASKED: "The receiver asked to wait, with Retry-After.",
    BlockReason.SLOWED: "The receiver answered 429.",
    BlockReason.DOWN: "Too many consecutive calls failed.",
    BlockReason.AWAY: "The app cannot be reached.",
    HALF_OPEN: "The receiver answers again. The number of calls to it increases step by step.",
}


def reason_of(state: str | None) -> str:
    """Return why calls wait, in a sentence; the state itself if another release wrote it."""
    return "" if state is None else _WORDS.get(state, state)
