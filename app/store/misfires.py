"""Misfires: what becomes of missed firings, as two columns of a job hold it."""

from __future__ import annotations

from app.domain.misfire import DEFAULT, Misfire, MisfirePolicy


def of_columns(policy: str | None, window: float | None) -> Misfire:
    """What the columns `misfire` and `misfire_window` stand for."""
    if policy is None and window is None:
        return DEFAULT
    return Misfire(policy=None if policy is None else MisfirePolicy(policy), window=window)
