"""Follow: what a job waits for that starts after other jobs have ended (Fusion's chains)."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.run import RunState


@dataclass(frozen=True, kw_only=True, slots=True)
class Follow:
    """A job starts once the job named `upstream` of its account and dialect ends in a state."""

    upstream: str
    states: frozenset[RunState]
