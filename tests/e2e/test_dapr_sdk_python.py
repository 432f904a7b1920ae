"""Programs on Dapr's Python SDK, the oldest with jobs and the newest, beside a real sidecar."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.dapr_sdk import environments
from tests.dapr_sdk.environments import HERE, NEWEST, OLDEST
from tests.dapr_sdk.programs import SdkProgram, running_program
from tests.e2e.instance import Instance, until
from tests.e2e.sidecar import Dapr, sidecar
from tests.ports import free_port

Run = Callable[..., AbstractContextManager[SdkProgram]]


@pytest.fixture(scope="module", params=[OLDEST, NEWEST])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs one of the programs on an SDK."""
    python = environments.python(request.param)

    def start(program: str, dapr: Dapr, *arguments: str, **settings: str) -> Any:
        command = [f"{python}", f"{HERE / 'python' / program}.py", *arguments]
        return running_program(command, dapr, settings)

    return start


@pytest.fixture
def app_port() -> int:
    return free_port()


@pytest.fixture
def beside(running: Instance, app_port: int) -> Iterator[Dapr]:
    """The sidecar of an app that is called over HTTP."""
    with sidecar(running, "job-service-sdk", app_port) as dapr:
        yield dapr


def details(name: str, due_time: str, task: str) -> str:
    return json.dumps({"name": name, "due_time": due_time, "data": {"droid": name, "task": task}})


def test_the_quickstart_prints_what_it_prints_on_dapr(
    run: Run, beside: Dapr, app_port: int
) -> None:
    with run("droid_service", beside, APP_PORT=f"{app_port}") as service:
        service.wait_for("Job service listens")
        with run("droid_scheduler", beside, "5", "3600") as scheduler:
            assert scheduler.ends() == [
                "Sending request to schedule job: R2-D2",
                'Response: {"name": "R2-D2", "job": "Oil Change", "dueTime": 5}',
                "Sending request to retrieve job: R2-D2",
                f"Job details for R2-D2: {details('R2-D2', '5s', 'Oil Change')}",
                "Sending request to schedule job: C-3PO",
                'Response: {"name": "C-3PO", "job": "Limb Calibration", "dueTime": 3600}',
                "Sending request to retrieve job: C-3PO",
                f"Job details for C-3PO: {details('C-3PO', '3600s', 'Limb Calibration')}",
                '{"message": "Job deleted"}',
            ]
        service.wait_for("Starting droid: R2-D2", "Executing maintenance job: Oil Change")
        assert service.lines == [
            "Job service listens",
            "Scheduling job: R2-D2",
            "Job scheduled: R2-D2",
            "Retrieving job: R2-D2",
            "Scheduling job: C-3PO",
            "Job scheduled: C-3PO",
            "Retrieving job: C-3PO",
            "Deleting job: C-3PO",
            "Job deleted: C-3PO",
            "Starting droid: R2-D2",
            "Executing maintenance job: Oil Change",
        ]


def test_an_app_is_called_and_invoked_over_grpc(running: Instance, run: Run, app_port: int) -> None:
    with (
        sidecar(running, "python-talker", app_port, protocol="grpc") as dapr,
        run("droid_grpc_service", dapr, APP_PORT=f"{app_port}") as service,
    ):
        service.wait_for("Job service listens")
        assert dapr.schedule("BB-8", {"dueTime": "0s"}).status == 204
        service.wait_for("Job BB-8 has 0 bytes")
        path = "/v1.0/invoke/python-talker/method/greet"
        until(lambda: dapr.ask("POST", path, b"you").status == 200, "the app answers")
        assert dapr.ask("POST", path, b"you") == (200, b"hello you")
        service.wait_for("Invoked by python-talker with you")
        service.wait_for("Starting droid: R2-D2", "Executing maintenance job: Oil Change")


def test_what_was_booked_comes_back_as_it_was_given(run: Run, beside: Dapr) -> None:
    with run("droid_checks", beside) as program:
        lines = program.ends()
    default = ["ConstantFailurePolicy", {"max_retries": 3, "interval_seconds": 1}]
    nothing = {"schedule": None, "repeats": None, "due_time": None, "ttl": None, "data": None}
    plain, full, taken, replaced, endless, never, gone = lines
    assert json.loads(plain) == {**nothing, "name": "plain", "due_time": "1h", "policy": default}
    assert json.loads(full) == {
        "name": "full",
        "schedule": "@every 90m",
        "repeats": 5,
        "due_time": "2h",
        "ttl": "48h",
        "data": ["example.com/droid", b"\0\xff droid".hex()],
        "policy": ["ConstantFailurePolicy", {"max_retries": 7, "interval_seconds": 20}],
    }
    assert taken == (
        "ALREADY_EXISTS DAPR_SCHEDULER_SCHEDULE_JOB failed to schedule job due to: rpc error: "
        "code = AlreadyExists desc = job already exists: 'app||default||job-service-sdk||full'"
    )
    dropped = {**nothing, "name": "full", "due_time": "3h", "policy": ["DropFailurePolicy", {}]}
    assert json.loads(replaced) == dropped
    assert json.loads(endless)["policy"] == [
        "ConstantFailurePolicy",
        {"max_retries": None, "interval_seconds": 30},
    ]
    assert never.startswith("INTERNAL DAPR_SCHEDULER_SCHEDULE_JOB failed to schedule job due to: ")
    assert gone == (
        "INTERNAL DAPR_SCHEDULER_GET_JOB failed to get job due to: rpc error: "
        "code = NotFound desc = job not found: full"
    )
