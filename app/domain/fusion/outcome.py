"""Outcome: what Fusion calls the states of a run, and the ends after which another job may run."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from app.domain.run import LIVE, RunState


class Status(StrEnum):
    """What Fusion says of a run; a job that never ran has none."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    ABORTED = "aborted"


SUCCESS: Final = frozenset({RunState.SUCCEEDED})
FAILURE: Final = frozenset({RunState.FAILED, RunState.DEAD})
ABORT: Final = frozenset({RunState.CANCELLED})

_STATUSES: Final = {
    **dict.fromkeys(LIVE, Status.RUNNING),
    **dict.fromkeys(SUCCESS, Status.SUCCESS),
    **dict.fromkeys(FAILURE, Status.FAILED),
    **dict.fromkeys(ABORT, Status.ABORTED),
}


def status_of(state: RunState) -> Status:
    """What Fusion calls a state: dead runs have failed, and retrying ones are running."""
    return _STATUSES[state]
