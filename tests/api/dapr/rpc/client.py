"""A client of the Dapr API over gRPC: the RPCs by their names, and what an error tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from app.protos import dapr_runtime_pb2 as runtime
from app.protos.dapr_runtime_pb2 import Job

SERVICE = "dapr.proto.runtime.v1.Dapr"


@dataclass(frozen=True, kw_only=True)
class Failed:
    """What an RPC that failed tells."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: dict[str, str]
    trailers: dict[str, str | bytes]


class Client:
    """Calls the RPCs; with a key as `dapr-api-token`, unless it is None."""

    def __init__(self, channel: grpc.Channel, key: str | None, alpha: str = "") -> None:
        self.channel = channel
        self.metadata = () if key is None else (("dapr-api-token", key),)
        self.alpha = alpha

    def call(self, name: str, asked: Message | bytes, answer: type[Any], **options: Any) -> Any:
        """The answer of an RPC; raises grpc.RpcError."""
        call: Any = self.channel.unary_unary(
            f"/{SERVICE}/{name}", None, answer.FromString if answer is not bytes else None
        )
        body = asked if isinstance(asked, bytes) else asked.SerializeToString()
        metadata = options.pop("metadata", self.metadata)
        return call(body, metadata=metadata, timeout=30, **options)

    def schedule(self, job: Job | None, *, overwrite: bool = False, **options: Any) -> None:
        asked = runtime.ScheduleJobRequest(job=job, overwrite=overwrite)
        self.call(f"ScheduleJob{self.alpha}", asked, runtime.ScheduleJobResponse, **options)

    def get(self, name: str) -> Job:
        asked = runtime.GetJobRequest(name=name)
        answer = self.call(f"GetJob{self.alpha}", asked, runtime.GetJobResponse)
        found: Job = answer.job
        return found

    def delete(self, name: str) -> None:
        asked = runtime.DeleteJobRequest(name=name)
        self.call(f"DeleteJob{self.alpha}", asked, runtime.DeleteJobResponse)

    def list(self) -> list[Job]:
        answer = self.call(
            f"ListJobs{self.alpha}", runtime.ListJobsRequest(), runtime.ListJobsResponse
        )
        return list(answer.jobs)

    def delete_by_prefix(self, prefix: str | None) -> None:
        asked = runtime.DeleteJobsByPrefixRequest(name_prefix=prefix)
        name = f"DeleteJobsByPrefix{self.alpha}"
        self.call(name, asked, runtime.DeleteJobsByPrefixResponse)


def failure(make: Any) -> Failed:
    """What the RPC that `make` calls tells; it must fail."""
    with pytest.raises(grpc.RpcError) as raised:
        make()
    call: Any = raised.value
    trailers = dict(call.trailing_metadata() or ())
    info, message = ErrorInfo(), call.details()
    if "grpc-status-details-bin" in trailers:
        status = Status.FromString(trailers["grpc-status-details-bin"])
        assert (status.code, status.message) == (call.code().value[0], message)
        assert status.details[0].Unpack(info)
        assert info.domain == "dapr.io"
    return Failed(
        code=call.code(),
        message=message,
        reason=info.reason,
        metadata=dict(info.metadata),
        trailers=trailers,
    )
