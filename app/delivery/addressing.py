"""Addressing: the URL and the body of a run's call, where its job names an endpoint."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import orjson

from app.domain.endpoint import AppProtocol
from app.domain.job import Dialect

JSON: Final = "application/json"
TOKEN_HEADER: Final = "dapr-api-token"  # noqa: S105 - a header's name
"""The header, or metadata, by whose value a Dapr app recognises its caller."""

STABLE_PATH: Final = "/dapr.proto.runtime.v1.AppCallback/OnJobEvent"
ALPHA1_PATH: Final = "/dapr.proto.runtime.v1.AppCallbackAlpha/OnJobEventAlpha1"
"""The gRPC methods for a tick of a job: an app may have both, or either."""


def address(
    url: str,
    *,
    dialect: str | None,
    endpoint: str | None,
    base: str | None,
    protocol: str | None = AppProtocol.HTTP,
) -> str | None:
    """The URL to call; None where the endpoint that the job names is not configured.

    The `url` of a Dapr job is a path, which is appended to that of its app. An app that speaks gRPC
    has one path for all jobs. A Fusion runner gets all it has to know in the body.
    """
    if not endpoint:
        return url
    if base is None:
        return None
    if dialect != Dialect.DAPR:
        return base
    return base.rstrip("/") + (STABLE_PATH if protocol == AppProtocol.GRPC else url)


def payload(data: bytes | None, *, dialect: str | None, run_id: UUID) -> bytes | None:
    """The body of a call to an endpoint: the job's; a Fusion runner also gets run and action."""
    if dialect != Dialect.FUSION:
        return data
    return orjson.dumps({**orjson.loads(data or b"{}"), "runId": str(run_id), "action": "start"})


def missing(endpoint: str | None, dialect: str | None) -> str:
    """Why the endpoint cannot be called, in words."""
    if dialect == Dialect.DAPR:
        return f"no app {endpoint!r} is configured; PUT /1/dapr-apps/<id> does that"
    return (
        f"No runner for {endpoint} jobs is configured; PUT /1/fusion-runners/{endpoint} does that."
    )
