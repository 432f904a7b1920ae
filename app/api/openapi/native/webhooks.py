"""Webhooks: the requests that Wakecall sends to receivers, and what their answers mean."""

from __future__ import annotations

from typing import Any, Final

from app.api.openapi.native import examples as ex
from app.api.openapi.native.runs import COMPLETE
from app.api.openapi.schemas import (
    COUNT,
    INSTANT,
    TEXT,
    UUID,
    Schema,
    always,
    answered,
    maybe,
    one_of,
    ref,
)
from app.domain.completion import DEFAULT_WITHIN, HEADER, MAX_WITHIN, TOKEN_HEADER
from app.domain.run import DEPTH_HEADER

_NUMBER: Final[Schema] = {"type": "integer", "minimum": 0}


def _header(about: str, schema: Schema, example: object, *, required: bool = True) -> Any:  # noqa: ANN401 - a part of the document
    return {"in": "header", "required": required, "description": about, "schema": schema} | (
        {} if example is None else {"example": example}
    )


_SIGNED: Final = {
    "webhook-id": _header(
        "The id of the run, the same in each attempt: by it a receiver recognises repeats.",
        UUID,
        ex.RUN_ID,
    ),
    "webhook-timestamp": _header(
        "When the call was sent, in seconds since 1970.", _NUMBER, 1795340400
    ),
    "webhook-signature": _header(
        "The signatures of Standard Webhooks, one for each valid secret.",
        TEXT,
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
    "Wakecall-Scheduled-For": _header("When the run was due.", INSTANT, "2026-11-22T09:30:00Z"),
    "Wakecall-Lateness-Ms": _header(
        "How many whole milliseconds later the attempt began.", _NUMBER, 0
    ),
    "Wakecall-Attempt": _header("The number of the attempt, from 1.", _NUMBER, 1),
    DEPTH_HEADER: _header(
        "How many calls led to this one: pass it on with requests that book in answer to the call.",
        _NUMBER,
        1,
    ),
}
_OF_JOBS: Final = {
    "Wakecall-Job": _header("The id of the job.", UUID, ex.JOB_ID),
    "Wakecall-Missed": _header(
        "How many missed firings the run stands for, if any.", _NUMBER, None, required=False
    ),
    "X-Content-Signature": _header(
        "The `signature` of the job, if it has one.", TEXT, None, required=False
    ),
    TOKEN_HEADER: _header(
        "The token with which the receiver may report the result later.",
        TEXT,
        None,
        required=False,
    ),
    "dapr-api-token": _header(
        "Of a call to a Dapr app with a token: that token.", TEXT, None, required=False
    ),
}
_PAYLOAD: Final = {
    "description": "The payload, with the `contentType` of the job.",
    "required": False,
    "content": {"*/*": {"schema": {}, "examples": {"text": {"value": "testing"}}}},
}
_LATER: Final = {
    "description": "With `Wakecall-Complete: later`, the receiver reports the result later.",
    "headers": {
        HEADER: {
            "description": f"`later`, with the seconds within which the result is reported: at "
            f"most {MAX_WITHIN}, and {DEFAULT_WITHIN} if absent.",
            "schema": TEXT,
            "example": "later; within=7200",
        }
    },
    "links": {
        "complete": {
            "operationId": COMPLETE.id,
            "parameters": {"id": "$request.header.webhook-id"},
        }
    },
}
_RETRY: Final = {
    "description": "Try again, no earlier than `Retry-After`.",
    "headers": {"Retry-After": {"description": "Seconds, or a date.", "schema": TEXT}},
}
_ANSWERS: Final = {
    "2XX": {"description": "The run has succeeded."},
    "410": {"description": "The run has failed, and its job ends."},
    "429": _RETRY,
    "503": _RETRY,
    "default": {"description": "The attempt has failed; the run is tried again by its retries."},
}
_EVENT: Final = answered(
    "How a run ended.",
    {
        "type": always(one_of(("run.succeeded", "run.failed")), "What happened."),
        "timestamp": always(INSTANT, "When the run ended."),
        "data": always(
            answered(
                "The run.",
                {
                    "job": always(UUID, "Its job."),
                    "run": always(UUID, "Its id."),
                    "name": maybe(TEXT, "The name of the job."),
                    "due": always(INSTANT, "When it was due."),
                    "state": always(one_of(("succeeded", "failed", "dead")), "How it ended."),
                    "attempts": always(COUNT, "How many attempts it had."),
                    "status": maybe({"type": "integer"}, "The HTTP status of the last response."),
                    "reason": maybe(TEXT, "Why it ended as it did."),
                },
            ),
            "What is reported.",
        ),
    },
)
_FAILED: Final = {
    "type": "run.failed",
    "timestamp": "2026-11-22T09:40:00.0345Z",
    "data": {
        "job": ex.JOB_ID,
        "run": ex.RUN_ID,
        "name": "invoices",
        "due": "2026-11-22T09:30:00Z",
        "state": "failed",
        "attempts": 8,
        "status": 503,
        "reason": "The receiver answered 503. All 8 attempts are used up.",
    },
}


def _named(headers: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, **each} for name, each in headers.items()]


def schemas() -> dict[str, Schema]:
    """The schemas by name."""
    return {"Event": _EVENT}


def webhooks() -> dict[str, Any]:
    """The webhooks by name. A job may have another method than POST."""
    callback = {
        "tags": ["callbacks"],
        "security": [],
        "parameters": _named({**_SIGNED, **_OF_JOBS}),
        "requestBody": _PAYLOAD,
    }
    event_headers = {
        **_SIGNED,
        "Wakecall-Run": _header("The id of the run that is reported.", UUID, ex.RUN_ID),
    }
    return {
        "callback": {
            "post": {
                **callback,
                "operationId": "callback",
                "summary": "A call of a job",
                "description": "Sent when the job is due, with the method of the job. Redirects "
                "are not followed.",
                "responses": {"202": _LATER, **_ANSWERS},
            }
        },
        "completion": {
            "post": {
                **callback,
                "operationId": "completion",
                "summary": "A call whose result its receiver reports later",
                "description": "The receiver answers 202 with `Wakecall-Complete`, and sends the "
                "result to `/1/runs/{id}/complete` with the token of the call.",
                "responses": {"202": _LATER, **_ANSWERS},
            }
        },
        "event": {
            "post": {
                "tags": ["callbacks"],
                "security": [],
                "operationId": "event",
                "summary": "The report of how a run ended",
                "description": "Sent to the `onSuccess` or `onFailure` of the job.",
                "parameters": _named(event_headers),
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": ref("Event"),
                            "examples": {"failed": {"value": _FAILED}},
                        }
                    },
                },
                "responses": {
                    "2XX": {"description": "The event is received."},
                    "410": {"description": "The event is not sent again."},
                    "429": _RETRY,
                    "503": _RETRY,
                    "default": {"description": "The event is sent again."},
                },
            }
        },
    }
