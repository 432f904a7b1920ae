"""Failures: how the Dapr API tells them, with Dapr's statuses, codes and words.

Source: dapr/dapr pkg/api/errors/scheduler.go and dapr/kit errors/errors.go. That what a client
may mend is answered with 500 is the contract of the Jobs API, and of nothing else here.
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
# What a method does, and the code of its failure.
_DONE_BY: Final = {
    "POST": ("schedule", "DAPR_SCHEDULER_SCHEDULE_JOB"),
    "GET": ("get", "DAPR_SCHEDULER_GET_JOB"),
    "HEAD": ("get", "DAPR_SCHEDULER_GET_JOB"),
    "DELETE": ("delete", "DAPR_SCHEDULER_DELETE_JOB"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One answer of the API's own; `details` names the members of the metadata that it has."""

    status: int
    code: str
    details: tuple[str, ...] = ()


class Told(errors.Refused):
    """A refusal that has its own status and code in this dialect."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


_APP_AND_NAMESPACE: Final = ("appID", "namespace")
_BODY_READ: Final = Failure(status=400, code="ERR_BODY_READ")
_MALFORMED: Final = Failure(status=400, code="ERR_MALFORMED_REQUEST")
_DIRECT_INVOKE: Final = Failure(status=404, code="ERR_DIRECT_INVOKE")
_APP_ID: Final = Failure(status=400, code="ERR_APP_ID")
_NAME_IN_BODY: Final = Failure(status=400, code="DAPR_SCHEDULER_JOB_NAME", details=("appID",))
_NAME_EMPTY: Final = Failure(
    status=400, code="DAPR_SCHEDULER_JOB_NAME_EMPTY", details=_APP_AND_NAMESPACE
)
_SCHEDULE_EMPTY: Final = Failure(
    status=400, code="DAPR_SCHEDULER_SCHEDULE_EMPTY", details=_APP_AND_NAMESPACE
)


def no_route() -> Told:
    """Nothing is at the path, or not with this method: Dapr takes it for a call of an app."""
    return Told(
        _DIRECT_INVOKE,
        "failed getting app id either from the URL path or the header dapr-app-id",
    )


def malformed(what: str) -> Told:
    """A request that cannot be read."""
    return Told(_MALFORMED, what)


def unread(what: str) -> Told:
    """A body that is not to be had."""
    return Told(_BODY_READ, f"failed to read request body: {what}")


def name_in_body() -> Told:
    """The body names the job, which is for the path to do."""
    return Told(_NAME_IN_BODY, "Set the job name in the url only")


def name_empty() -> Told:
    """The name in the path is blank."""
    return Told(_NAME_EMPTY, "Name is empty")


def schedule_empty() -> Told:
    """There is neither a schedule nor a due time."""
    return Told(_SCHEDULE_EMPTY, "Schedule is empty")


def no_app(what: str) -> Told:
    """It does not follow from the request whose job it is."""
    return Told(_APP_ID, what)


def of_scheduler(status: int, kind: str, description: str) -> Told:
    """What Dapr's scheduler would say, by way of its RPC; `kind` is the gRPC code."""
    deed, code = _DONE_BY[request.method]
    return Told(
        Failure(status=status, code=code, details=_APP_AND_NAMESPACE),
        f"failed to {deed} job due to: rpc error: code = {kind} desc = {description}",
    )


def remember_app(app_id: str) -> None:
    """Whose job the request is about, for the details of what is told of it."""
    setattr(g, _APP, app_id)


def tell(error: errors.WakecallError) -> Response:
    """The failure as Dapr tells it; one that Dapr does not know, in the same form."""
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
        told = of_scheduler(503, "Unavailable", error.message)
        return _answer(told.failure, told.message, problems.headers_of(error))
    if isinstance(error, Told):
        return _answer(error.failure, error.message, {})
    failure = Failure(
        status=problems.kind_of(error).status,
        code=f"ERR_{error.code.upper().replace('-', '_')}",
    )
    return _answer(failure, _in_words(error), problems.headers_of(error))


def _in_words(error: errors.WakecallError) -> str:
    if not isinstance(error, errors.Refused):
        return error.message
    member = f"{error.member}: " if error.member else ""
    return f"{member}{error.message} {error.remedy}".rstrip()


def _answer(failure: Failure, message: str, headers: Mapping[str, str]) -> Response:
    members: dict[str, object] = {"errorCode": failure.code, "message": printable(message)}
    if failure.details:
        known = {"appID": g.get(_APP, ""), "namespace": NAMESPACE}
        members["details"] = [
            {
                "@type": _TYPE,
                "domain": _DOMAIN,
                "metadata": {name: known[name] for name in failure.details},
                "reason": failure.code,
            }
        ]
    return Response(orjson.dumps(members), failure.status, dict(headers), content_type=_JSON)
