"""Follow: the condition under which a job starts after another job has ended (Fusion's chains)."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.run import RunState


@dataclass(frozen=True, kw_only=True, slots=True)
class Follow:
    """A job starts when a run of the job `upstream`, of its account and dialect, ends in a state.

    The state is one of `states`.
    """

    upstream: str
    states: frozenset[RunState]
