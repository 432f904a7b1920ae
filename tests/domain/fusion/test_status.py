"""Status: the objects that Fusion's clients read, as in the documentation's examples."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

import pytest

from app.domain.fusion import status
from app.domain.fusion.outcome import Status, status_of
from app.domain.fusion.status import RunStatus
from app.domain.run import RunState
from tests.domain.fusion.trigger_strategies import utc

RUN = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
BEGUN = utc(2017, 5, 17, 20, 58, 10, 503_999)
OVER = utc(2017, 5, 17, 20, 58, 42, 20_000)


def run_status(
    state: RunState, ended_at: datetime | None = OVER, reason: str | None = None
) -> RunStatus:
    return RunStatus(run_id=RUN, state=state, started_at=BEGUN, ended_at=ended_at, reason=reason)


@pytest.mark.parametrize(
    ("state", "told"),
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
def test_every_state_has_its_name(state: RunState, told: Status) -> None:
    assert status_of(state) is told


def test_no_state_is_forgotten() -> None:
    for state in RunState:
        assert status_of(state)


def test_the_status_objects_of_the_documentation() -> None:
    user = "acb38917-611a-46e1-a3cf-4ed46a30fd24"
    never = status.job_status("datasource:ratings-db", enabled=True, started_by=user)
    ran = status.job_status(
        "datasource:movies-db", enabled=True, last=run_status(RunState.SUCCEEDED), started_by=user
    )
    assert json.dumps([never, ran]) == json.dumps(
        [
            {
                "resource": "datasource:ratings-db",
                "enabled": True,
                "startedBy": "acb38917-611a-46e1-a3cf-4ed46a30fd24",
            },
            {
                "resource": "datasource:movies-db",
                "enabled": True,
                "startedBy": "acb38917-611a-46e1-a3cf-4ed46a30fd24",
                "status": "success",
                "lastStartTime": "2017-05-17T20:58:10.503Z",
                "lastEndTime": "2017-05-17T20:58:42.020Z",
            },
        ]
    )


def test_a_job_that_runs_has_no_end_and_a_scheduled_one_a_next_start() -> None:
    told = status.job_status(
        "task:a",
        enabled=False,
        last=run_status(RunState.WAITING, ended_at=None),
        next_at=utc(2027, 1, 1),
        extra={"message": "its upstream is gone"},
    )
    assert told == {
        "resource": "task:a",
        "enabled": False,
        "status": "running",
        "extra": {"message": "its upstream is gone"},
        "lastStartTime": "2017-05-17T20:58:10.503Z",
        "nextStartTime": "2027-01-01T00:00:00.000Z",
    }


def test_the_history_entry_of_the_documentation_with_the_id_of_its_run() -> None:
    told = status.history_entry("datasource:movies-db", run_status(RunState.SUCCEEDED))
    assert json.dumps(told) == json.dumps(
        {
            "resource": "datasource:movies-db",
            "runId": str(RUN),
            "startTime": "2017-05-17T20:58:10.503Z",
            "endTime": "2017-05-17T20:58:42.020Z",
            "status": "success",
        }
    )


def test_a_run_under_way_has_no_end_in_the_history_and_says_what_it_waits_for() -> None:
    retrying = run_status(RunState.WAITING, ended_at=None, reason="The receiver answered 503.")
    told = status.history_entry("task:a", retrying)
    assert "endTime" not in told
    assert told["status"] == "running"
    assert told["extra"] == {"message": "The receiver answered 503."}


def test_the_action_reply_of_the_documentation() -> None:
    assert json.dumps(status.started("datasource:movies-db")) == json.dumps(
        {
            "resource": "datasource:movies-db",
            "action": "start",
            "accepted": True,
            "message": "Started job datasource:movies-db",
        }
    )
    assert status.aborted("task:a")["message"] == "Aborted job task:a"
    refused = status.action_reply("task:a", "abort", accepted=False, message="It is not running.")
    assert refused == {
        "resource": "task:a",
        "action": "abort",
        "accepted": False,
        "message": "It is not running.",
    }


def test_clients_that_demand_a_fraction_can_read_every_time() -> None:
    told = status.history_entry("task:a", run_status(RunState.SUCCEEDED))
    whole = status.job_status("task:a", enabled=True, next_at=utc(2027, 1, 1))
    for text in (told["startTime"], told["endTime"], whole["nextStartTime"]):
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
        assert text.endswith("Z")
