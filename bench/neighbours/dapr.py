"""Dapr: the operations of the Dapr Jobs API, over HTTP and as RPCs."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from itertools import count, cycle
from typing import Final

from google.protobuf.message import Message

from app.protos import dapr_runtime_pb2 as runtime
from bench.hostile.target import Target
from bench.neighbours.estate import APP
from bench.neighbours.operation import Operation, Surface, at, in_turn

_LONG: Final = 60_000
"""Bytes of a payload that is read before it is the account's turn."""

_PREFIX: Final = "rpc"
_APP: Final = {"dapr_app_id": APP}


def _schedule(target: Target, number: int) -> Iterator[bytes]:
    """Long payloads, and the shortest schedule there is, on the same few names."""
    for n in count(number):
        schedule = {"schedule": "@every 1s"} if n % 2 else {"dueTime": "720h"}
        document = {**schedule, "overwrite": True, "data": "x" * _LONG}
        yield target.json("POST", f"/v1.0/jobs/shared-{n % 4}", document, **_APP)


def _delete(target: Target, number: int) -> Iterator[bytes]:
    path = f"/v1.0/jobs/brief-{number}"
    put = target.json("POST", path, {"dueTime": "720h", "overwrite": True}, **_APP)
    return cycle([put, target.request("DELETE", path, b"", **_APP)])


def _get(view: str, path: str) -> Operation:
    return in_turn(
        f"GET {view}",
        lambda target, _: cycle([target.request("GET", at(target, path), b"", **_APP)]),
    )


HTTP: Final[tuple[Operation, ...]] = (
    in_turn("POST dapr.schedule_job", _schedule),
    _get("dapr.get_job", "/v1.0/jobs/{dapr_job}"),
    in_turn("DELETE dapr.delete_job", _delete),
    _get("dapr.metadata", "/v1.0/metadata"),
    _get("dapr.healthz", "/v1.0/healthz/outbound"),
)


def _job(name: str, data: bytes) -> runtime.Job:
    job = runtime.Job(name=name, due_time="720h")
    job.data.value = json.dumps(data.decode()).encode()
    return job


def _rpc(method: str, make: Callable[[int, int], Message]) -> Operation:
    """An RPC with the message that `make` gives for a connection and a number."""

    def requests(_target: Target, number: int) -> Iterator[bytes]:
        for n in count():
            yield make(number, n).SerializeToString()

    return Operation(name=f"RPC {method}", surface=Surface.RPC, requests=requests)


def _scheduled(number: int, n: int) -> Message:
    name = f"{_PREFIX}-{number % 2}-{n % 4}"
    return runtime.ScheduleJobRequest(job=_job(name, b"x" * _LONG), overwrite=True)


def _booked(_number: int, _n: int) -> Message:
    return runtime.ScheduleJobRequest(job=_job(f"{_PREFIX}-{secrets.token_hex(8)}", b"x"))


RPCS: Final[tuple[Operation, ...]] = (
    _rpc("ScheduleJob", _scheduled),
    _rpc("ScheduleJobAlpha1", _booked),
    _rpc("GetJob", lambda *_: runtime.GetJobRequest(name="long")),
    _rpc("GetJobAlpha1", lambda *_: runtime.GetJobRequest(name="long")),
    _rpc("DeleteJob", lambda number, n: runtime.DeleteJobRequest(name=f"{_PREFIX}-{number}-{n}")),
    _rpc("DeleteJobAlpha1", lambda *_: runtime.DeleteJobRequest(name="absent")),
    _rpc("ListJobs", lambda *_: runtime.ListJobsRequest()),
    _rpc("ListJobsAlpha1", lambda *_: runtime.ListJobsRequestAlpha1()),
    _rpc("DeleteJobsByPrefix", lambda *_: runtime.DeleteJobsByPrefixRequest(name_prefix=_PREFIX)),
    _rpc(
        "DeleteJobsByPrefixAlpha1",
        lambda *_: runtime.DeleteJobsByPrefixRequestAlpha1(name_prefix=_PREFIX),
    ),
    _rpc("GetMetadata", lambda *_: runtime.GetMetadataRequest()),
    _rpc("SetMetadata", lambda *_: runtime.SetMetadataRequest(key="k", value="v" * 1000)),
    _rpc("InvokeService", lambda *_: runtime.InvokeServiceRequest(id=APP)),
)
"""All methods of the service Dapr. InvokeService is refused outside a sidecar, by the app's own."""
