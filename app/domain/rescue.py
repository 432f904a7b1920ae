"""Rescue: what the scheduler does with a run in flight whose check time has come."""

from __future__ import annotations

from enum import Enum, auto

from app.domain.run import RunState
from app.domain.timings.leases import DEAD_AFTER


class Action(Enum):
    """What the scheduler does with a run that it checked."""

    NOTIFY = auto()
    """Notify a worker: its retry is near, or no worker took it. The token stays."""

    RECLAIM = auto()
    """Its lease ran out: raise the token and notify a worker."""

    LEAVE = auto()
    """A worker holds it, or leases do not count now: check it again later."""

    CANCEL = auto()
    """It was cancelled, and no worker holds it: it enters history as cancelled."""

    KILL = auto()
    """It was reclaimed DEAD_AFTER times: it enters history as dead."""

    COMPLETE = auto()
    """Its receiver has reported the result: it enters history with it."""

    EXPIRE = auto()
    """Its receiver has not reported a result in time: the attempt failed."""


def judge(
    state: RunState,
    *,
    cancelled: bool,
    lease_left: float | None,
    reclaims: int,
    leases_count: bool,
    alone: bool = True,
    completed: bool = False,
    deadline_left: float | None = None,
) -> Action:
    """What to do with a run in `state`.

    - `lease_left`: seconds; None where no worker holds the run.
    - `alone`: False for a suspect that was tried with others, as any of them may have ended their
      process.
    - `completed`: whether its receiver has reported the result; `deadline_left` are the seconds
      that are left for that, None where no report is expected.
    - `leases_count`: False for one LEASE after the database was away. No worker could renew a lease
      then, so that a lease which ran out shows nothing about its holder.
    """
    if state is RunState.TAKEN:
        if lease_left is None or lease_left > 0 or not leases_count:
            return Action.LEAVE
        if cancelled:
            return Action.CANCEL
        return Action.KILL if alone and reclaims >= DEAD_AFTER else Action.RECLAIM
    if state is RunState.RUNNING:
        return _running(cancelled=cancelled, completed=completed, deadline_left=deadline_left)
    return Action.CANCEL if cancelled else Action.NOTIFY


def _running(*, cancelled: bool, completed: bool, deadline_left: float | None) -> Action:
    """A reported result stands even if the run was cancelled: its call had been made."""
    if completed:
        return Action.COMPLETE
    if cancelled:
        return Action.CANCEL
    overdue = deadline_left is None or deadline_left <= 0
    return Action.EXPIRE if overdue else Action.LEAVE
