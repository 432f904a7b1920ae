"""The error answers of the Dapr API, with Dapr's statuses, codes and wording.

Source: dapr/dapr pkg/api/errors/scheduler.go and dapr/kit errors/errors.go. Answering 500 to what a
client can correct is the contract of the Jobs API; no other route here does so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from flask import Response, g, request

from app import errors
from app.api import problems
from app.api.xml_text import printable

NAMESPACE: Final = "default"

_TYPE: Final = "type.googleapis.com/google.rpc.ErrorInfo"
_DOMAIN: Final = "dapr.io"
_JSON: Final = "application/json"
_APP: Final = "dapr_app"
# The verb in the message of a method's failure, and its code.
_VERBS: Final = {
    "POST": ("schedule", "DAPR_SCHEDULER_SCHEDULE_JOB"),
    "GET": ("get", "DAPR_SCHEDULER_GET_JOB"),
    "HEAD": ("get", "DAPR_SCHEDULER_GET_JOB"),
    "DELETE": ("delete", "DAPR_SCHEDULER_DELETE_JOB"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """The status and code of one error of Dapr's."""

    status: int
    code: str
    details: tuple[str, ...] = ()
    """The members of its metadata; empty where it has no details."""


class DaprError(errors.Refused):
    """An error with a status and code of Dapr's own."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


_APP_AND_NAMESPACE: Final = ("appID", "namespace")
_BODY_READ: Final = Failure(status=400, code="ERR_BODY_READ")
_MALFORMED: Final = Failure(status=400, code="ERR_MALFORMED_REQUEST")
NO_ROUTE: Final = Failure(status=404, code="ERR_DIRECT_INVOKE")
_NOT_INVOKED: Final = Failure(status=500, code="ERR_DIRECT_INVOKE")
_APP_ID: Final = Failure(status=400, code="ERR_APP_ID")
_NAME_IN_BODY: Final = Failure(status=400, code="DAPR_SCHEDULER_JOB_NAME", details=("appID",))
_NAME_EMPTY: Final = Failure(
    status=400, code="DAPR_SCHEDULER_JOB_NAME_EMPTY", details=_APP_AND_NAMESPACE
)
_SCHEDULE_EMPTY: Final = Failure(
    status=400, code="DAPR_SCHEDULER_SCHEDULE_EMPTY", details=_APP_AND_NAMESPACE
)
OF_SENDERS: Final = (_APP_ID, _MALFORMED)
"""Dapr's own errors of every request that acts for an app."""

OF_BODIES: Final = (_BODY_READ, _MALFORMED, _NAME_IN_BODY, _NAME_EMPTY, _SCHEDULE_EMPTY)
"""Dapr's own errors of a request that books a job, besides those of its scheduler."""


def code_of(error: type[errors.WakecallError]) -> str:
    """The code of an error that Dapr does not have."""
    return f"ERR_{error.code.upper().replace('-', '_')}"


def code_of_method(method: str) -> str:
    """The code of all errors of Dapr's scheduler for requests with this method."""
    return _VERBS[method][1]


def no_route() -> DaprError:
    """Nothing is at the path, or not with this method; Dapr then looks for the app to invoke."""
    return DaprError(
        NO_ROUTE,
        "failed getting app id either from the URL path or the header dapr-app-id",
    )


def not_invoked(app_id: str, why: str) -> DaprError:
    """The app of a service invocation is not configured, or gives no answer."""
    return DaprError(_NOT_INVOKED, f"failed to invoke, id: {app_id}, err: {why}")


def malformed(what: str) -> DaprError:
    """The request cannot be parsed."""
    return DaprError(_MALFORMED, what)


def unread(what: str) -> DaprError:
    """The body cannot be received."""
    return DaprError(_BODY_READ, f"failed to read request body: {what}")


def name_in_body() -> DaprError:
    """The body has a name; only the path may name the job."""
    return DaprError(_NAME_IN_BODY, "Set the job name in the url only")


def name_empty() -> DaprError:
    """The name in the path is blank."""
    return DaprError(_NAME_EMPTY, "Name is empty")


def schedule_empty() -> DaprError:
    """There is neither a schedule nor a due time."""
    return DaprError(_SCHEDULE_EMPTY, "Schedule is empty")


def no_app(what: str) -> DaprError:
    """The request does not identify an app."""
    return DaprError(_APP_ID, what)


def scheduler_error(status: int, kind: str, description: str) -> DaprError:
    """An error of Dapr's scheduler, which its sidecar gets over gRPC; `kind` is the gRPC code."""
    verb, code = _VERBS[request.method]
    return DaprError(
        Failure(status=status, code=code, details=_APP_AND_NAMESPACE),
        f"failed to {verb} job due to: rpc error: code = {kind} desc = {description}",
    )


def remember_app(app_id: str) -> None:
    """Note the app of the request, for the details of its errors."""
    setattr(g, _APP, app_id)


def current_app_id() -> str:
    """The app of the request, as far as it is known."""
    found: str = g.get(_APP, "")
    return found


def render(error: errors.WakecallError) -> Response:
    """The answer to an error: as Dapr answers it or, where Dapr has no such error, in its form."""
    if isinstance(error, errors.Unauthenticated):
        return Response(
            "invalid api token\n",
            401,
            problems.headers_of(error),
            content_type="text/plain; charset=utf-8",
        )
    if isinstance(error, errors.MethodNotOffered | errors.NotFound):
        error = no_route()
    if isinstance(error, errors.Unavailable) and request.endpoint is not None:
        unavailable = scheduler_error(503, "Unavailable", error.message)
        return _answer(unavailable.failure, unavailable.message, problems.headers_of(error))
    if isinstance(error, DaprError):
        return _answer(error.failure, error.message, {})
    failure = Failure(
        status=problems.kind_of(error).status,
        code=code_of(type(error)),
    )
    return _answer(failure, describe(error), problems.headers_of(error))


def describe(error: errors.WakecallError) -> str:
    """The text of an error: what is wrong, and the remedy."""
    if not isinstance(error, errors.Refused):
        return error.message
    member = f"{error.member}: " if error.member else ""
    return f"{member}{error.message} {error.remedy}".rstrip()


def write(error: DaprError) -> bytes:
    """The document of an error without details."""
    return orjson.dumps({"errorCode": error.failure.code, "message": printable(error.message)})


def _answer(failure: Failure, message: str, headers: Mapping[str, str]) -> Response:
    members: dict[str, object] = {"errorCode": failure.code, "message": printable(message)}
    if failure.details:
        known = {"appID": current_app_id(), "namespace": NAMESPACE}
        members["details"] = [
            {
                "@type": _TYPE,
                "domain": _DOMAIN,
                "metadata": {name: known[name] for name in failure.details},
                "reason": failure.code,
            }
        ]
    return Response(orjson.dumps(members), failure.status, dict(headers), content_type=_JSON)
