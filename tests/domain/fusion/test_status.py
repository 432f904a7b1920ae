"""Status: every state of a run has one of Fusion's names."""

from __future__ import annotations

import pytest

from app.domain.fusion.status import Status, status_of
from app.domain.run import RunState


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (RunState.CLAIMED, Status.RUNNING),
        (RunState.TAKEN, Status.RUNNING),
        (RunState.WAITING, Status.RUNNING),
        (RunState.RUNNING, Status.RUNNING),
        (RunState.SUCCEEDED, Status.SUCCESS),
        (RunState.FAILED, Status.FAILED),
        (RunState.DEAD, Status.FAILED),
        (RunState.CANCELLED, Status.ABORTED),
    ],
)
def test_every_state_has_its_name(state: RunState, status: Status) -> None:
    assert status_of(state) is status


def test_no_state_is_forgotten() -> None:
    for state in RunState:
        assert status_of(state)
