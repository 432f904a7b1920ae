"""What `make protos` generates is what is checked in, and names are those that Dapr's SDKs use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.protos import dapr_app_pb2, dapr_common_pb2, dapr_runtime_pb2
from local.instance import CHECKOUT

PROTOS = CHECKOUT / "app" / "protos"


def _made(tmp_path: Path) -> dict[str, bytes]:
    """Files by their names, as the recipe of `make protos` makes them."""
    makefile = (CHECKOUT / "Makefile").read_text()
    found = re.search(r"-m (grpc_tools\.protoc) (.*) app/protos/\*\.proto$", makefile, re.MULTILINE)
    assert found is not None
    options = found[2].replace("_out=.", f"_out={tmp_path}").split()
    sources = sorted(f"app/protos/{each.name}" for each in PROTOS.glob("*.proto"))
    subprocess.run(
        [sys.executable, "-m", found[1], *options, *sources], cwd=CHECKOUT, check=True, timeout=60
    )
    return {each.name: each.read_bytes() for each in (tmp_path / "app" / "protos").iterdir()}


def test_generated_modules_are_those_of_the_proto_files(tmp_path: Path) -> None:
    kept = {each.name: each.read_bytes() for each in PROTOS.glob("*_pb2.py*")}

    assert _made(tmp_path) == kept
    assert len(kept) == 2 * len(list(PROTOS.glob("*.proto")))


@pytest.mark.parametrize("module", [dapr_app_pb2, dapr_common_pb2, dapr_runtime_pb2])
def test_files_are_not_named_like_those_of_the_sdks(module: object) -> None:
    assert module.DESCRIPTOR.name.startswith("app/protos/")  # type: ignore[attr-defined] # every generated module has one


def test_the_services_and_their_methods() -> None:
    def methods(module: object) -> dict[str, list[str]]:
        services = module.DESCRIPTOR.services_by_name.values()  # type: ignore[attr-defined] # as above
        return {each.full_name: [method.name for method in each.methods] for each in services}

    package = "dapr.proto.runtime.v1"
    assert methods(dapr_app_pb2) == {
        f"{package}.AppCallback": ["OnInvoke", "OnJobEvent"],
        f"{package}.AppCallbackAlpha": ["OnJobEventAlpha1"],
        f"{package}.AppCallbackHealthCheck": ["HealthCheck"],
    }
    jobs = ["ScheduleJob", "GetJob", "DeleteJob", "ListJobs", "DeleteJobsByPrefix"]
    twins = [name for each in jobs for name in (each, f"{each}Alpha1")]
    assert methods(dapr_runtime_pb2) == {
        f"{package}.Dapr": ["InvokeService", "GetMetadata", "SetMetadata", *twins]
    }


def test_a_job_on_the_wire() -> None:
    # By the numbers of Dapr's Job: 1 name, 3 repeats, 4 due_time, 6 data, 7 failure_policy.
    wire = bytes.fromhex("0a0161 1800 2200 32051203ff0a00 3a0412020a00".replace(" ", ""))

    job = dapr_runtime_pb2.Job.FromString(wire)

    assert job.name == "a"
    assert not job.HasField("schedule")
    assert job.HasField("repeats")
    assert job.repeats == 0
    assert job.HasField("due_time")
    assert job.due_time == ""
    assert job.data.type_url == ""
    assert job.data.value == b"\xff\x0a\x00"
    assert job.failure_policy.WhichOneof("policy") == "constant"
    assert job.failure_policy.constant.HasField("interval")
    assert not job.failure_policy.constant.HasField("max_retries")
    assert job.SerializeToString() == wire
