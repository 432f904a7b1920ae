"""Description: the Dapr Jobs API as a whole."""

from __future__ import annotations

from typing import Any, Final

from app.api import negotiation
from app.api.dapr import addresses, documents, protojson
from app.api.openapi.assemble import Description
from app.api.openapi.dapr import refusals
from app.api.openapi.native import webhooks
from app.api.openapi.native.description import SECURITY_SCHEMES
from app.api.openapi.operations import Answer, Body, Content, Example, Operation, Parameter, Tag
from app.api.openapi.schemas import FLAG, TEXT, Schema, always, answered, maybe, ref
from app.domain.dapr.names import MAX_NAME
from app.service.dapr.apps import HEADER

VERSION: Final = "1.0"
KEY: Final = "daprToken"
"""The security scheme of the header in which Dapr's clients send a key."""

_ABOUT: Final = """\
The Dapr Jobs API, as Dapr's sidecar offers it: jobs of an app, which is called at its URL followed
by `/job/<name>`.

The app of a request is the one to which its key is bound, else the one that `dapr-app-id` names,
else the only one of the account. Unknown members and parameters are ignored. Errors have Dapr's
form, and its statuses: what the scheduler refuses is answered 500.
"""
_JOBS: Final = Tag(name="jobs", about="Schedule, show and delete jobs of an app.")
_SIDECAR: Final = Tag(name="sidecar", about="What Dapr's SDKs ask for at their start.")

_BOOKED: Final = {
    "dueTime": "15s",
    "data": {"value": "R2-D2:Oil Change"},
    "failurePolicy": {"constant": {"interval": "3s", "maxRetries": 5}},
}
_SHOWN: Final = {
    "name": "R2-D2",
    "dueTime": "15s",
    "data": {
        "@type": "type.googleapis.com/google.protobuf.Value",
        "value": {"value": "R2-D2:Oil Change"},
    },
    "failurePolicy": {"constant": {"interval": "3s", "maxRetries": 5}},
}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": protojson.MAX_UINT32}
_TIME: Final = "an instant with its offset, or a Go or ISO 8601 duration"

_POLICY: Final[Schema] = {
    "type": "object",
    "properties": {
        "drop": {"type": "object", "description": "No retries."},
        "constant": {
            "type": "object",
            "description": "Retries at an interval.",
            "properties": {
                "interval": {**TEXT, "description": "The time between retries; none if absent."},
                "maxRetries": {**_COUNT, "description": "How many; without an end if absent."},
            },
        },
    },
}
_ABOUT_MEMBERS: Final[dict[str, Schema]] = {
    "schedule": {**TEXT, "description": "Six fields, seconds first, or `@every 1h30m`, `@daily`."},
    "dueTime": {**TEXT, "description": f"The first tick: {_TIME}."},
    "repeats": {**_COUNT, "description": "How many ticks there are."},
    "ttl": {**TEXT, "description": f"When it ends: {_TIME}."},
    "data": {"description": "Any JSON, which is called with byte for byte."},
    "overwrite": {**FLAG, "description": "`true` replaces a job of that name."},
    "failurePolicy": {**_POLICY, "description": "How a tick is tried again: 3 times if absent."},
    "name": {"const": None, "description": "Only the address names the job."},
}


def _new_job() -> Schema:
    known = documents.FIELDS
    by_field = {known[name]: schema for name, schema in _ABOUT_MEMBERS.items()}
    return {
        "type": "object",
        "description": "A job as it is sent, with `schedule` or `dueTime`; null counts as absent.",
        "properties": {name: by_field[field] for name, field in known.items()},
        "maxProperties": protojson.MAX_MEMBERS,
        "additionalProperties": {},
    }


_JOB: Final = answered(
    "A job as it was booked.",
    {
        "name": always(TEXT, "Its name."),
        "schedule": maybe(TEXT, "Its schedule."),
        "repeats": maybe(_COUNT, "How many ticks it has."),
        "dueTime": maybe(TEXT, "Its first tick."),
        "ttl": maybe(TEXT, "When it ends."),
        "data": maybe(
            {
                "type": "object",
                "properties": {"@type": TEXT, "value": {}, "base64": TEXT},
            },
            "Its data: `value` is JSON, `base64` other bytes that were booked over gRPC.",
        ),
        "failurePolicy": always(_POLICY, "How a tick is tried again."),
    },
)
_METADATA: Final = answered(
    "The app of the request, and what is offered.",
    {
        "id": always(TEXT, "The app."),
        "runtimeVersion": always(TEXT, "`wakecall`."),
        **{
            name: always({"type": "array", "maxItems": 0}, "Empty.")
            for name in (
                "enabledFeatures",
                "actors",
                "components",
                "subscriptions",
                "httpEndpoints",
            )
        },
        "extended": always({"type": "object"}, "Empty."),
    },
)
_NAME: Final = {
    "name": Parameter(
        schema={**TEXT, "minLength": 1, "maxLength": MAX_NAME},
        about="The name of the job, percent-encoded.",
        example="R2-D2",
    )
}
_APP: Final = {
    HEADER: Parameter(
        schema=TEXT, about="The app, if the account has several and the key is bound to none."
    )
}


def _jobs(version: str, suffix: str) -> tuple[Operation, ...]:
    path = f"/{version}/jobs/{{name}}"
    body = Content(schema=ref("NewJob"), examples={"once": Example(value=_BOOKED)})
    shown = Content(schema=ref("Job"), examples={"once": Example(value=_SHOWN)})
    return (
        Operation(
            endpoint="dapr.schedule_job",
            method="POST",
            path=path,
            id=f"schedule_job{suffix}",
            tag=_JOBS.name,
            summary="Schedule a job",
            about="A job of that name is replaced only with `overwrite`.",
            parameters=_NAME,
            headers=_APP,
            body=Body(content={negotiation.JSON: body}, about="Read as JSON, whatever its type."),
            answers=(Answer(status=204, about="The job is stored."),),
        ),
        Operation(
            endpoint="dapr.get_job",
            method="GET",
            path=path,
            id=f"get_job{suffix}",
            tag=_JOBS.name,
            summary="Show a job",
            parameters=_NAME,
            headers=_APP,
            answers=(Answer(status=200, about="The job.", content={negotiation.JSON: shown}),),
        ),
        Operation(
            endpoint="dapr.delete_job",
            method="DELETE",
            path=path,
            id=f"delete_job{suffix}",
            tag=_JOBS.name,
            summary="Delete a job",
            about="Also if there is none.",
            parameters=_NAME,
            headers=_APP,
            answers=(Answer(status=204, about="There is no such job any more."),),
        ),
    )


def _health(path: str, identifier: str) -> Operation:
    return Operation(
        endpoint="dapr.healthz",
        method="GET",
        path=path,
        id=identifier,
        tag=_SIDECAR.name,
        summary="Ask whether the process answers",
        answers=(Answer(status=204, about="It does."),),
    )


OPERATIONS: Final = (
    *_jobs("v1.0", ""),
    *_jobs("v1.0-alpha1", "_alpha1"),
    _health("/v1.0/healthz", "healthz"),
    _health("/v1.0/healthz/outbound", "healthz_outbound"),
    Operation(
        endpoint="dapr.metadata",
        method="GET",
        path="/v1.0/metadata",
        id="metadata",
        tag=_SIDECAR.name,
        summary="Show the app of the request",
        headers=_APP,
        answers=(
            Answer(
                status=200,
                about="The app.",
                content={negotiation.JSON: Content(schema=ref("Metadata"))},
            ),
        ),
    ),
)


def _webhooks() -> dict[str, Any]:
    callback = webhooks.webhooks()["callback"]["post"]
    about = "Sent to the URL of the app, followed by `/job/<name>`, at each tick."
    ended = {"description": "The tick has succeeded; with 404 the app does not know the job."}
    return {
        "job": {
            "post": {
                **callback,
                "operationId": "job",
                "summary": "A tick of a job",
                "description": about,
                "responses": {
                    "2XX": ended,
                    "404": ended,
                    "default": {"description": "The tick is tried again by its failure policy."},
                },
            }
        }
    }


def describe(prefix: str) -> Description:
    """The Dapr Jobs API below this prefix."""
    return Description(
        title="Wakecall: Dapr Jobs API",
        about=_ABOUT,
        version=VERSION,
        tags=(_JOBS, _SIDECAR, Tag(name="callbacks", about="What Wakecall sends to apps.")),
        operations=OPERATIONS,
        schemas={
            "NewJob": _new_job(),
            "Job": _JOB,
            "Metadata": _METADATA,
            refusals.NAME: refusals.SCHEMA,
        },
        security_schemes={
            **SECURITY_SCHEMES,
            KEY: {
                "type": "apiKey",
                "in": "header",
                "name": addresses.TOKEN,
                "description": "An API key; it counts before all others.",
            },
        },
        webhooks=_webhooks(),
        prefix=prefix,
        refusals=refusals.responses_of,
        keys=(KEY, "bearer", "basic", "apiKey"),
    )
