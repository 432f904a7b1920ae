"""Event: the document that reports a settled run, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from app.domain.event import EventPayload, body
from app.domain.run import RunState
from tests.api.golden import golden

DUE = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SUCCEEDED = EventPayload(
    run_id=UUID("01a20290-027f-7fc0-b123-b43bd8583de0"),
    job_id=UUID("03ba07bc-0c8b-4a82-9a47-c65e7a8d24af"),
    name=None,
    due_at=DUE,
    state=RunState.SUCCEEDED,
    attempts=1,
    status=204,
    reason=None,
    settled_at=DUE.replace(microsecond=34_500),
)
DEAD = EventPayload(
    run_id=SUCCEEDED.run_id,
    job_id=SUCCEEDED.job_id,
    name="Rechnungen, nächtlich",
    due_at=DUE,
    state=RunState.DEAD,
    attempts=8,
    status=None,
    reason="every worker that took it ended before it could report the result",
    settled_at=SUCCEEDED.settled_at,
)


def test_the_document_of_a_run() -> None:
    assert body(SUCCEEDED) == golden("event.succeeded.json")
    assert body(DEAD) == golden("event.failed.json")
