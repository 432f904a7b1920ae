"""Looking over a run in flight whose time to be looked at has come: what is to be done with it."""

from __future__ import annotations

from enum import Enum, auto

from app.domain.run import RunState
from app.domain.timings.leases import DEAD_AFTER


class Action(Enum):
    """What the scheduler does with a run it looked at."""

    NOTIFY = auto()
    """Ring for it: its retry is near, or nobody took it; the token stays."""

    RECLAIM = auto()
    """Its lease ran out: raise the token and ring for it."""

    LEAVE = auto()
    """Somebody holds it, or leases are not judged just now: look again later."""

    CANCEL = auto()
    """It was cancelled and nobody holds it: it enters history."""

    KILL = auto()
    """It was reclaimed too often: it enters history as dead."""

    COMPLETE = auto()
    """Its receiver has said what came of it: it enters history so."""

    EXPIRE = auto()
    """Its receiver has not said in time what came of it: the attempt failed."""


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
    """What to do with a run in `state`; `lease_left` in seconds, None where nobody holds it.

    `alone` is false of a suspect that was tried with others: what ended their process is not known.
    `completed` where its receiver has said what came of it; `deadline_left` are the seconds it
    has left for that, None where nothing is expected of it.

    `leases_count` is false for one lease after the database was away: no worker could extend
    anything then, so an expired lease says nothing about its holder.
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
    """What was said of a run stands, though it was cancelled: its call had been made."""
    if completed:
        return Action.COMPLETE
    if cancelled:
        return Action.CANCEL
    overdue = deadline_left is None or deadline_left <= 0
    return Action.EXPIRE if overdue else Action.LEAVE
