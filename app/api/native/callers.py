"""Callers: who sends a request of the native API, counted against the rate limit."""

from __future__ import annotations

from app.api import auth, rate
from app.domain.account import Caller


def caller() -> Caller:
    """Who sends this request. Raises Unauthenticated, InvalidMember, RateLimited."""
    found = auth.caller()
    rate.count(found.account.id)
    return found
