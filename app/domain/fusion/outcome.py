"""Outcome: what Fusion calls the states of a run, and the ends after which another job may run."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from app.domain.run import LIVE, RunState


class Status(StrEnum):
    """What Fusion says of a run; a job that never ran has none."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    ABORTED = "aborted"


SUCCESS: Final = (RunState.SUCCEEDED,)
FAILURE: Final = (RunState.FAILED, RunState.DEAD)
ABORT: Final = (RunState.CANCELLED,)

_STATUSES: Final = {
    **dict.fromkeys(LIVE, Status.RUNNING),
    **dict.fromkeys(SUCCESS, Status.SUCCESS),
    **dict.fromkeys(FAILURE, Status.FAILED),
    **dict.fromkeys(ABORT, Status.ABORTED),
}


class Follow(NamedTuple):
    """A job runs after a run of `upstream` (a resource's text) that ends in one of `states`."""

    upstream: str
    states: tuple[RunState, ...]


def status_of(state: RunState) -> Status:
    """What Fusion calls a state: dead runs have failed, and retrying ones are running."""
    return _STATUSES[state]
