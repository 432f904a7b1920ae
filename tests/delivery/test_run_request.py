"""Run request: the headers that pages show of an attempt are those that delivery sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.delivery.request import Delivery, build
from app.domain.call_options import CallOptions
from app.domain.job import Dialect
from app.domain.run import Attempt, Reply, Run, RunKind, RunState
from app.domain.run_request import SIGNATURE, RunContent, headers_of

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SECRET = "whsec_" + "QUFB" * 8


@pytest.mark.parametrize("kind", [RunKind.SCHEDULED, RunKind.EVENT])
@pytest.mark.parametrize(
    ("method", "data", "missed", "signature", "content_type"),
    [
        (None, b"payload", 0, None, None),
        ("PUT", b"", 3, "mine", "text/plain"),
        ("GET", b"", 0, None, None),
    ],
)
def test_headers_are_those_that_are_sent(
    kind: RunKind,
    method: str | None,
    data: bytes,
    missed: int,
    signature: str | None,
    content_type: str | None,
) -> None:
    options = CallOptions(method=method, headers=(("X-Own", "1"), ("X-Other", "2")))
    run = Run(
        id=UUID(int=1),
        job_id=UUID(int=2),
        job_version=1,
        kind=kind,
        due_at=AT,
        state=RunState.FAILED,
        missed=missed,
        settled_at=AT,
        next_attempt_at=None,
        reason=None,
        attempts=(),
    )
    content = RunContent(
        url="https://example.com/",
        endpoint="",
        dialect=Dialect.NATIVE,
        content_type=content_type,
        signature=signature,
        data=data,
        options=options,
        depth=2,
    )
    started = AT + timedelta(milliseconds=12.7)
    attempt = Attempt(number=4, started_at=started, lateness_ms=12.7, reply=Reply())
    delivery = Delivery(
        run_id=run.id,
        job_id=run.job_id,
        url=content.url,
        content_type=content_type,
        signature=signature,
        data=data,
        due_at=AT,
        attempt=4,
        lateness=started - AT,
        missed=missed,
        call_options=options,
        is_event=kind is RunKind.EVENT,
        depth=2,
    )
    call = build(delivery, [SECRET], int(started.timestamp()))
    sent = [line for line in (*call.headers, *call.own) if not line.startswith(SIGNATURE)]
    assert [f"{name}: {value}" for name, value in headers_of(run, content, attempt)] == sent
    assert call.method == content.method
