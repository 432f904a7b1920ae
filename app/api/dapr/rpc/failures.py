"""The errors of the Dapr API over gRPC, with Dapr's codes, reasons and wording.

Each goes with a google.rpc.Status, which clients find in `grpc-status-details-bin`. Source:
dapr/dapr pkg/api/errors/scheduler.go and pkg/api/grpc, and dapr/kit errors/errors.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from flask import Response, request
from google.protobuf.duration_pb2 import Duration
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from app import errors
from app.api import problems, senders
from app.api.dapr import failures
from app.api.dapr.rpc.requests import is_grpc
from app.api.problems import ErrorRenderer
from app.api.xml_text import printable

STATUS_TYPE: Final = "application/x-google-rpc-status"
"""The media type of an answer that is a google.rpc.Status, not the message of the RPC."""

_DOMAIN: Final = "dapr.io"
_UNAUTHORIZED: Final = "Unauthorized"
_ALPHA: Final = "Alpha1"
# By RPC: the verb in the message of its failure, and the reason.
_VERBS: Final = {
    "ScheduleJob": ("schedule job", "DAPR_SCHEDULER_SCHEDULE_JOB"),
    "GetJob": ("get job", "DAPR_SCHEDULER_GET_JOB"),
    "DeleteJob": ("delete job", "DAPR_SCHEDULER_DELETE_JOB"),
    "ListJobs": ("list jobs", "DAPR_SCHEDULER_LIST_JOBS"),
    "DeleteJobsByPrefix": ("delete jobs by prefix", "DAPR_SCHEDULER_DELETE_JOB"),
}
_HTTP_STATUS: Final = {
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.ALREADY_EXISTS: 409,
    Code.RESOURCE_EXHAUSTED: 413,
    Code.INTERNAL: 500,
}
_CODES: Final = {
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    409: Code.ALREADY_EXISTS,
    413: Code.RESOURCE_EXHAUSTED,
    429: Code.RESOURCE_EXHAUSTED,
    503: Code.UNAVAILABLE,
    508: Code.FAILED_PRECONDITION,
}
"""The code of an error of all dialects by its status over HTTP; 4xx are else INVALID_ARGUMENT."""

_SERVER_ERROR: Final = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One error as gRPC tells it."""

    code: int
    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class RpcError(errors.Refused):
    """An error with a code and reason of its own."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code_number = code
        self.reason = reason


def job_empty() -> RpcError:
    """The request has no job."""
    return RpcError(Code.INVALID_ARGUMENT, "DAPR_SCHEDULER_EMPTY", "Job is empty")


def name_empty() -> RpcError:
    """The name is empty."""
    return RpcError(Code.INVALID_ARGUMENT, "DAPR_SCHEDULER_JOB_NAME_EMPTY", "Name is empty")


def schedule_empty() -> RpcError:
    """There is neither a schedule nor a due time."""
    return RpcError(Code.INVALID_ARGUMENT, "DAPR_SCHEDULER_SCHEDULE_EMPTY", "Schedule is empty")


def type_url_refused(most: int) -> RpcError:
    """The type_url of the data cannot be stored."""
    return RpcError(
        Code.INVALID_ARGUMENT,
        "ERR_INVALID_MEMBER",
        f"type_url: it has more than {most} characters, or a NUL character. Shorten it.",
    )


def answer_too_large(most: int) -> RpcError:
    """The answer would have more than `most` bytes."""
    return scheduler_error(
        Code.RESOURCE_EXHAUSTED,
        "ResourceExhausted",
        f"the answer would have more than {most} bytes. Get jobs one by one, over HTTP those with "
        "long data, or book less data.",
    )


def not_all_deleted(number: int) -> RpcError:
    """There are more jobs than can be deleted in time."""
    return scheduler_error(
        Code.DEADLINE_EXCEEDED,
        "DeadlineExceeded",
        f"{number} jobs are deleted, and there are more. Send the request again.",
    )


def no_app(what: str) -> RpcError:
    """The request does not identify an app."""
    return RpcError(Code.INVALID_ARGUMENT, "ERR_APP_ID", what)


def undecodable(what: str) -> RpcError:
    """The message cannot be decoded."""
    return RpcError(
        Code.INTERNAL, "ERR_MALFORMED_REQUEST", f"grpc: error unmarshalling request: {what}"
    )


def message_too_large(most: int) -> RpcError:
    """The message has more than `most` bytes."""
    return RpcError(
        Code.RESOURCE_EXHAUSTED,
        "ERR_TOO_LARGE",
        f"grpc: received message larger than max (more than {most} vs. {most})",
    )


def scheduler_error(code: int, kind: str, description: str) -> RpcError:
    """An error of Dapr's scheduler, which its sidecar gets over gRPC; `kind` is the code there."""
    verb, reason = _verb()
    return RpcError(
        code, reason, f"failed to {verb} due to: rpc error: code = {kind} desc = {description}"
    )


def renderer() -> ErrorRenderer:
    """Renders the errors of RPCs."""
    return ErrorRenderer(covers=is_grpc, render=render)


def render(error: errors.WakecallError) -> Response:
    """The answer to an error: a google.rpc.Status, and the status that HTTP has for it."""
    http_status = (
        _HTTP_STATUS[error.code_number]
        if isinstance(error, RpcError)
        else problems.kind_of(error).status
    )
    failure = _failure(error, http_status)
    status = Status(code=failure.code, message=printable(failure.message))
    status.details.add().Pack(
        ErrorInfo(reason=failure.reason, domain=_DOMAIN, metadata=failure.metadata)
    )
    headers = problems.headers_of(error)
    if "Retry-After" in headers:
        delay = Duration(seconds=int(headers["Retry-After"]))
        status.details.add().Pack(RetryInfo(retry_delay=delay))
    return Response(status.SerializeToString(), http_status, headers, content_type=STATUS_TYPE)


def _failure(error: errors.WakecallError, http_status: int) -> Failure:
    app = {"appID": failures.current_app_id(), "namespace": failures.NAMESPACE}
    match error:
        case RpcError():
            return Failure(
                code=error.code_number, reason=error.reason, message=error.message, metadata=app
            )
        case errors.Unauthenticated():
            return _unauthorized()
        case errors.Unavailable() if (verb := _verb())[0]:
            prefix = f"failed to {verb[0]} due to: rpc error: code = Unavailable desc = "
            return Failure(
                code=Code.UNAVAILABLE, reason=verb[1], message=prefix + error.message, metadata=app
            )
    code = _CODES.get(
        http_status, Code.INTERNAL if http_status >= _SERVER_ERROR else Code.INVALID_ARGUMENT
    )
    reason = f"ERR_{error.code.upper().replace('-', '_')}"
    return Failure(code=code, reason=reason, message=failures.describe(error), metadata=app)


def _unauthorized() -> Failure:
    sent = senders.has_credentials(request.environ)
    why = (
        "authentication error: api token mismatch"
        if sent
        else "missing api token in request metadata"
    )
    return Failure(
        code=Code.UNAUTHENTICATED,
        reason=_UNAUTHORIZED,
        message=_UNAUTHORIZED,
        metadata={"http.code": "401", "http.error_message": why},
    )


def _verb() -> tuple[str, str]:
    """Verb and reason of the present RPC; empty for one that is not about jobs."""
    return _VERBS.get(request.path.rpartition("/")[2].removesuffix(_ALPHA), ("", ""))
