"""Status and action documents: as in the examples of Fusion's documentation."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

from app.api.fusion import action_document
from app.api.fusion.status_document import render_job, render_run
from app.domain.fusion import resource
from app.domain.fusion.action import Action, ActionResult
from app.domain.fusion.status import JobStatus, RunStatus
from app.domain.run import RunState
from tests.domain.fusion.trigger_strategies import utc

RUN = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
BEGUN = utc(2017, 5, 17, 20, 58, 10, 503_999)
OVER = utc(2017, 5, 17, 20, 58, 42, 20_000)


def run_status(
    state: RunState, ended_at: datetime | None = OVER, reason: str | None = None
) -> RunStatus:
    return RunStatus(run_id=RUN, state=state, started_at=BEGUN, ended_at=ended_at, reason=reason)


def reply(job: str, action: Action, *, accepted: bool, running: UUID | None = None) -> object:
    return action_document.render(
        ActionResult(
            resource=resource.parse(job), action=action, accepted=accepted, running=running
        )
    )


def test_the_status_objects_of_the_documentation() -> None:
    user = "acb38917-611a-46e1-a3cf-4ed46a30fd24"
    never = render_job(JobStatus(resource="datasource:ratings-db", enabled=True, started_by=user))
    ran = render_job(
        JobStatus(
            resource="datasource:movies-db",
            enabled=True,
            last=run_status(RunState.SUCCEEDED),
            started_by=user,
        )
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
    rendered = render_job(
        JobStatus(
            resource="task:a",
            enabled=False,
            last=run_status(RunState.WAITING, ended_at=None, reason="The receiver answered 503."),
            next_at=utc(2027, 1, 1),
        )
    )
    assert rendered == {
        "resource": "task:a",
        "enabled": False,
        "status": "running",
        "extra": {"message": "The receiver answered 503."},
        "lastStartTime": "2017-05-17T20:58:10.503Z",
        "nextStartTime": "2027-01-01T00:00:00.000Z",
    }


def test_the_history_entry_of_the_documentation_with_the_id_of_its_run() -> None:
    rendered = render_run("datasource:movies-db", run_status(RunState.SUCCEEDED))
    assert json.dumps(rendered) == json.dumps(
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
    rendered = render_run("task:a", retrying)
    assert "endTime" not in rendered
    assert rendered["status"] == "running"
    assert rendered["extra"] == {"message": "The receiver answered 503."}


def test_the_action_reply_of_the_documentation() -> None:
    assert json.dumps(reply("datasource:movies-db", Action.START, accepted=True)) == json.dumps(
        {
            "resource": "datasource:movies-db",
            "action": "start",
            "accepted": True,
            "message": "Started job datasource:movies-db",
        }
    )
    assert reply("task:a", Action.ABORT, accepted=True) == {
        "resource": "task:a",
        "action": "abort",
        "accepted": True,
        "message": "Aborted job task:a",
    }
    assert reply("task:a", Action.ABORT, accepted=False) == {
        "resource": "task:a",
        "action": "abort",
        "accepted": False,
        "message": "The job task:a is not running.",
    }
    assert reply("task:a", Action.START, accepted=False, running=RUN) == {
        "resource": "task:a",
        "action": "start",
        "accepted": False,
        "message": f"The job task:a is running already, as run {RUN}.",
    }


def test_jobs_that_are_followed_and_do_not_exist_are_named() -> None:
    one = render_job(JobStatus(resource="task:a", enabled=True, missing=("task:b",)))
    assert one["extra"] == {
        "missing": ["task:b"],
        "warning": "This job follows task:b, which does not exist: it was deleted or never saved.",
    }
    two = render_job(JobStatus(resource="task:a", enabled=True, missing=("task:b", "task:c")))
    assert two["extra"]["warning"].startswith(
        "This job follows task:b, task:c, which do not exist: they were "
    )


def test_clients_that_demand_a_fraction_can_read_every_time() -> None:
    rendered = render_run("task:a", run_status(RunState.SUCCEEDED))
    whole = render_job(JobStatus(resource="task:a", enabled=True, next_at=utc(2027, 1, 1)))
    for text in (rendered["startTime"], rendered["endTime"], whole["nextStartTime"]):
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
        assert text.endswith("Z")
