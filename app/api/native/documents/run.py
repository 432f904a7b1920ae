"""Run document: one firing of a job, its attempts and its result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from app.api import xml_text
from app.api.native.codecs.generic_codec import Value
from app.api.native.codecs.schema import without_none
from app.api.native.documents import payload
from app.domain import instants
from app.domain.run import Attempt, Reply, Run, Timing


def render(run: Run) -> Mapping[str, Value]:
    """The members of a run; those that are not known yet are left out."""
    return without_none(
        {
            "id": str(run.id),
            **(
                {"run": str(run.reported_run)}
                if run.reported_run
                else {"job": str(run.job_id), "version": run.job_version}
            ),
            "kind": str(run.kind),
            "due": instants.format_utc(run.due_at),
            "state": str(run.state),
            "missed": run.missed,
            "settled": _instant(run.settled_at),
            "nextAttempt": _instant(run.next_attempt_at),
            "completeBy": _instant(run.complete_by),
            "reason": run.reason,
            "omittedAttempts": run.omitted_attempts or None,
            "attempts": [render_attempt(run.id, attempt) for attempt in run.attempts],
        }
    )


def render_attempt(run_id: UUID, attempt: Attempt) -> Mapping[str, Value]:
    """The members of an attempt of that run."""
    reply = attempt.reply
    return without_none(
        {
            "number": attempt.number,
            "webhookId": str(run_id),
            "started": instants.format_utc(attempt.started_at),
            "latenessMs": attempt.lateness_ms,
            "status": reply.status,
            "error": reply.error,
            "errorDetail": reply.error_detail,
            "timing": _render_timing(reply.timing),
            "headers": [{"name": name, "value": value} for name, value in reply.headers],
            **_render_body(reply),
            "notKept": None if reply.kept else True,
        }
    )


def _render_timing(timing: Timing) -> Mapping[str, Value]:
    return without_none(
        {
            "dnsMs": timing.dns,
            "connectMs": timing.connect,
            "tlsMs": timing.tls,
            "firstByteMs": timing.first_byte,
            "totalMs": timing.total,
        }
    )


def _render_body(reply: Reply) -> Mapping[str, str | None]:
    """The part of the response body that was stored, as text where every format can hold it."""
    if not reply.body:
        return {}
    text, encoding = payload.to_text(reply.body)
    if not xml_text.fits(text):
        text, encoding = payload.to_base64(reply.body), payload.BASE64
    return {"body": text, "bodyEncoding": encoding}


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instants.format_utc(instant)
