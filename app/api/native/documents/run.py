"""Runs as the native API tells them: each firing of a job and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from app.api import xml_text
from app.api.native.codecs.generic_codec import Value
from app.api.native.documents import payload
from app.domain import instants
from app.domain.run import Attempt, Reply, Run, RunKind, Timing


def of_run(run: Run) -> Mapping[str, Value]:
    """The members of a run; what is not known yet is left out."""
    return _present(
        {
            "id": str(run.id),
            # An event stands by itself: what it tells of is a run.
            **(
                {"run": str(run.job_id)}
                if run.kind is RunKind.EVENT
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
            "attempts": [of_attempt(run.id, attempt) for attempt in run.attempts],
        }
    )


def of_attempt(run_id: UUID, attempt: Attempt) -> Mapping[str, Value]:
    """The members of an attempt of that run."""
    reply = attempt.reply
    return _present(
        {
            "number": attempt.number,
            "webhookId": str(run_id),
            "started": instants.format_utc(attempt.started_at),
            "latenessMs": attempt.lateness_ms,
            "status": reply.status,
            "error": reply.error,
            "errorDetail": reply.error_detail,
            "timing": _of_timing(reply.timing),
            "headers": [{"name": name, "value": value} for name, value in reply.headers],
            **_of_body(reply),
            "notKept": None if reply.kept else True,
        }
    )


def _of_timing(timing: Timing) -> Mapping[str, Value]:
    return _present(
        {
            "dnsMs": timing.dns,
            "connectMs": timing.connect,
            "tlsMs": timing.tls,
            "firstByteMs": timing.first_byte,
            "totalMs": timing.total,
        }
    )


def _of_body(reply: Reply) -> Mapping[str, str | None]:
    """What was kept of the answer's body, as text where every format can hold it."""
    if not reply.body:
        return {}
    text, encoding = payload.to_text(reply.body)
    if not xml_text.fits(text):
        text, encoding = payload.to_base64(reply.body), payload.BASE64
    return {"body": text, "bodyEncoding": encoding}


def _present(members: Mapping[str, Value | None]) -> Mapping[str, Value]:
    return {name: value for name, value in members.items() if value is not None}


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instants.format_utc(instant)
