"""Held text: why workers hold calls to a destination back, in a sentence. Pure."""

from __future__ import annotations

from typing import Final

from app.domain.circuit_breaker import BlockReason
from app.domain.waiting_report import HALF_OPEN

_WORDS: Final = {
    BlockReason.FULL: "As many calls as allowed are under way.",
    BlockReason.ASKED: "It asked to wait, with Retry-After.",
    BlockReason.SLOWED: "It answered 429.",
    BlockReason.DOWN: "Too many calls in a row failed.",
    BlockReason.AWAY: "No call reaches the app.",
    HALF_OPEN: "It answers again, and gets more calls step by step.",
}


def reason_of(state: str | None) -> str:
    """Return why calls wait, in a sentence; the state itself if another release wrote it."""
    return "" if state is None else _WORDS.get(state, state)
