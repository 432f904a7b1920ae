"""Addressing: where a run's call goes and what it says, where its job names an endpoint."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import orjson

from app.domain.job import Dialect

JSON: Final = "application/json"
TOKEN_HEADER: Final = "dapr-api-token"  # noqa: S105 - a header's name
"""As a Dapr app knows its sidecar by."""


def address(url: str, *, dialect: str | None, endpoint: str | None, base: str | None) -> str | None:
    """The URL to call; None where the endpoint that the job names is not configured.

    A Dapr job's own `url` is a path that goes below the app's; a Fusion runner is told in the body
    what to do.
    """
    if not endpoint:
        return url
    if base is None:
        return None
    return base.rstrip("/") + url if dialect == Dialect.DAPR else base


def payload(data: bytes | None, *, dialect: str | None, run_id: UUID) -> bytes | None:
    """What an endpoint is sent: the job's JSON; to a Fusion runner, what to do with which run."""
    if dialect != Dialect.FUSION:
        return data
    return orjson.dumps({**orjson.loads(data or b"{}"), "runId": str(run_id), "action": "start"})


def missing(endpoint: str | None, dialect: str | None) -> str:
    """Why there is nowhere to call, in words."""
    if dialect == Dialect.DAPR:
        return f"no app {endpoint!r} is configured; PUT /1/dapr-apps/<id> does that"
    return (
        f"No runner for {endpoint} jobs is configured; PUT /1/fusion-runners/{endpoint} does that."
    )
