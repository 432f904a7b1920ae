"""Programs on Dapr's SDKs for Go and Java beside a real sidecar: run by `make test-sdks` alone."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.dapr_sdk import toolchains
from tests.dapr_sdk.programs import running_program
from tests.e2e.instance import Instance
from tests.e2e.sidecar import sidecar
from tests.ports import free_port

pytestmark = pytest.mark.toolchain


def messages(lines: list[str]) -> list[str]:
    """What a program in Go says itself, less what its SDK logs at its start."""
    return [line for line in lines if not line.startswith("dapr client initializing for: ")]


def test_the_quickstart_in_go(running: Instance) -> None:
    programs, port = toolchains.go(), free_port()
    names = ("R2-D2", "C-3PO", "BB-8")
    settings = {"APP_PORT": f"{port}"}
    with (
        sidecar(running, "job-service", port, protocol="grpc") as dapr,
        running_program([f"{programs / 'service'}"], dapr, settings) as service,
    ):
        started = [
            *(f"Registered job handler for:  {name}" for name in names),
            f"Starting server on port: {port}",
        ]
        service.wait_for(*started)
        with running_program([f"{programs / 'scheduler'}", "4s", "5s", "3600s"], dapr) as scheduler:
            lines = messages(scheduler.ends())
        assert [line.partition(": ")[0] for line in lines] == [
            "Get job response",
            "Get job response",
            "Job deleted",
        ]
        first, second = (json.loads(line.partition(":  ")[2]) for line in lines[:2])
        assert first == {"droid": "C-3PO", "task": "Memory Wipe"}
        assert second == {"droid": "BB-8", "task": "Internal Gyroscope Check"}
        done = [
            *("Starting droid: R2-D2", "Executing maintenance job: Oil Change"),
            *("Starting droid: C-3PO", "Executing maintenance job: Memory Wipe"),
        ]
        service.wait_for(*done)
        assert messages(service.lines) == [
            *started,
            *(f"Job scheduled:  {name}" for name in names),
            *done,
        ]


def test_the_quickstart_in_java(running: Instance) -> None:
    built, port = toolchains.java(), free_port()
    tool = shutil.which("java")
    assert tool is not None
    command = [tool, "-cp", f"{built / 'classes'}:{built / 'dependency'}/*"]
    settings = {"APP_PORT": f"{port}"}
    with (
        sidecar(running, "droids", port) as dapr,
        running_program([*command, "droids.Service"], dapr, settings) as service,
    ):
        service.wait_for("Job service listens")
        with running_program([*command, "droids.Scheduler"], dapr) as scheduler:
            scheduler.wait_for(
                "Job Details: R2-D2, 0/1 * * * * *, null, Oil Change",
                "Job Details: C-3PO, 0/1 * * * * *, null, Limb Calibration",
                "Job Details: BB-8, none, 2100-01-02T03:04:05.678Z, none",
            )
            service.wait_for(
                *("Starting Droid: R2-D2", "Executing Maintenance: Oil Change"),
                *("Starting Droid: C-3PO", "Executing Maintenance: Limb Calibration"),
            )
            assert scheduler.process.stdin is not None
            scheduler.process.stdin.write("\n")
            scheduler.process.stdin.flush()
            lines = scheduler.ends()
        assert {f"Deleted Job: {name}" for name in ("R2-D2", "C-3PO", "BB-8")} <= set(lines)
        refused = next(line for line in lines if line.startswith("Refused: "))
        assert "job not found: R2-D2" in refused
