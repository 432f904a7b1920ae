"""Looking over: every combination has one verdict."""

from __future__ import annotations

import pytest

from app.domain.rescue import Action, judge
from app.domain.run import RunState
from app.domain.timings.leases import DEAD_AFTER


@pytest.mark.parametrize(
    ("state", "cancelled", "lease_left", "reclaims", "leases_count", "action"),
    [
        (RunState.CLAIMED, False, None, 0, True, Action.NOTIFY),
        (RunState.WAITING, False, None, 0, False, Action.NOTIFY),
        (RunState.CLAIMED, False, None, DEAD_AFTER, True, Action.NOTIFY),
        (RunState.CLAIMED, True, None, 0, False, Action.CANCEL),
        (RunState.WAITING, True, None, 0, True, Action.CANCEL),
        (RunState.TAKEN, False, 0.1, 0, True, Action.LEAVE),
        (RunState.TAKEN, True, 0.1, 0, True, Action.LEAVE),
        (RunState.TAKEN, False, 0.0, 0, True, Action.RECLAIM),
        (RunState.TAKEN, False, -9.0, DEAD_AFTER - 1, True, Action.RECLAIM),
        (RunState.TAKEN, False, -9.0, DEAD_AFTER, True, Action.KILL),
        (RunState.TAKEN, True, -9.0, DEAD_AFTER, True, Action.CANCEL),
        (RunState.TAKEN, False, -9.0, 0, False, Action.LEAVE),
    ],
)
def test_verdicts(
    *,
    state: RunState,
    cancelled: bool,
    lease_left: float | None,
    reclaims: int,
    leases_count: bool,
    action: Action,
) -> None:
    verdict = judge(
        state,
        cancelled=cancelled,
        lease_left=lease_left,
        reclaims=reclaims,
        leases_count=leases_count,
    )

    assert verdict is action


@pytest.mark.parametrize(
    ("cancelled", "completed", "left", "action"),
    [
        (False, False, 0.1, Action.LEAVE),
        (False, False, 0.0, Action.EXPIRE),
        (True, False, 0.1, Action.CANCEL),
        (True, False, -1.0, Action.CANCEL),
        (False, True, 0.1, Action.COMPLETE),
        (False, True, -1.0, Action.COMPLETE),
        (True, True, 0.1, Action.COMPLETE),
    ],
)
def test_verdicts_on_what_is_to_be_completed(
    *, cancelled: bool, completed: bool, left: float, action: Action
) -> None:
    for leases_count in (True, False):
        verdict = judge(
            RunState.RUNNING,
            cancelled=cancelled,
            lease_left=None,
            reclaims=0,
            leases_count=leases_count,
            completed=completed,
            deadline_left=left,
        )
        assert verdict is action


def test_a_completion_of_a_leased_run_waits_for_its_worker() -> None:
    for left, action in ((0.1, Action.LEAVE), (0.0, Action.RECLAIM)):
        verdict = judge(
            RunState.TAKEN,
            cancelled=False,
            lease_left=left,
            reclaims=0,
            leases_count=True,
            completed=True,
        )
        assert verdict is action
