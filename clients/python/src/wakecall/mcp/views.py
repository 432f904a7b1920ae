"""Views: jobs and runs as agents are shown them.

Names, tags and URLs are those of the account. What a receiver or a completion wrote is in the
member `untrusted`.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final

from wakecall.mcp.documents import UNTRUSTED, Document, cut, milliseconds, moment, present, zone_of
from wakecall.models import Attempt, Job, Run

_NAME: Final = 200
_URL: Final = 300
_REASON: Final = 240
_TAGS: Final = 5
_TAG: Final = 64
_ATTEMPTS: Final = 5
_HEADERS: Final = 8
_HEADER_NAME: Final = 40
_HEADER_VALUE: Final = 80
_BODY_BYTES: Final = 512
_BODY: Final = 900

Shown = tuple[tzinfo, datetime]
"""The zone in which instants are shown, and the present one."""


def job_line(job: Job, shown: Shown) -> Document:
    """A job in a list."""
    zone, now = shown
    return present(
        id=job.id,
        name=cut(job.name, _NAME),
        calls=cut(job.url or job.endpoint, _URL),
        cron=job.cron or job.schedule,
        timezone=job.timezone,
        next=moment(job.due, zone_of(job.timezone, zone), now),
        paused=None if job.enabled else True,
        tags=tags(job),
    )


def tags(job: Job) -> list[str | None]:
    """The first tags of a job."""
    return [cut(each, _TAG) for each in job.tags[:_TAGS]]


def job_members(job: Job) -> Document:
    """What a job has besides its line; values of headers may be secret and are not shown."""
    return present(
        method=job.method,
        headers=[cut(each, _HEADER_NAME) for each in list(job.headers)[:_HEADERS]],
        payload=_payload(job),
        timeout_s=None if job.timeout is None else job.timeout.total_seconds(),
        retry=None if job.retry is None else dict(job.retry.to_document()),
        misfire=job.misfire,
        on_failure=cut(job.on_failure, _URL),
        on_success=cut(job.on_success, _URL),
        dialect=None if job.dialect == "native" else job.dialect,
        remaining=job.remaining,
    )


def _payload(job: Job) -> Document | None:
    length = len(job.data) if job.data is not None else job.data_omitted
    return None if length is None else present(bytes=length, content_type=job.content_type)


def run_line(run: Run, shown: Shown) -> Document:
    """A run in a list."""
    zone, now = shown
    last = run.attempts[-1] if run.attempts else None
    first = run.attempts[0] if run.attempts and run.attempts[0].number == 1 else None
    return present(
        id=run.id,
        job=run.job,
        reports=run.run,
        kind=None if run.kind == "scheduled" else run.kind,
        state=run.state,
        due=moment(run.due, zone, now),
        late_ms=milliseconds(first.lateness) if first else None,
        attempts=len(run.attempts) + run.omitted_attempts,
        status=last.status if last else None,
        error=last.error if last else None,
        next_attempt=moment(run.next_attempt, zone, now),
        missed=run.missed or None,
        **{UNTRUSTED: present(reason=cut(run.reason, _REASON))},
    )


def run_view(run: Run, shown: Shown, *, with_answer: bool) -> Document:
    """A run with its newest attempts and, if asked for, the last answer of its receiver."""
    zone, now = shown
    line = run_line(run, shown)
    strangers = line.pop(UNTRUSTED, {})
    answered = next((each for each in reversed(run.attempts) if each.status), None)
    failed = next((each for each in reversed(run.attempts) if each.error), None)
    if failed is not None:
        strangers |= present(error_detail=cut(failed.error_detail, _REASON))
    if with_answer and answered is not None:
        strangers |= {"answer": _answer(answered)}
    return {
        **line,
        **present(
            settled=moment(run.settled, zone, now),
            complete_by=moment(run.complete_by, zone, now),
            newest_attempts=[_attempt(each, shown) for each in run.attempts[-_ATTEMPTS:]],
        ),
        **present(**{UNTRUSTED: strangers}),
    }


def _attempt(attempt: Attempt, shown: Shown) -> Document:
    zone, now = shown
    total = None if attempt.timing is None else attempt.timing.total
    return present(
        number=attempt.number,
        started=moment(attempt.started, zone, now),
        late_ms=milliseconds(attempt.lateness),
        status=attempt.status,
        error=attempt.error,
        took_ms=milliseconds(total),
    )


def _answer(attempt: Attempt) -> Document:
    """What the receiver answered: the first headers, and the first 512 bytes of the body."""
    body = (attempt.body or b"")[:_BODY_BYTES].decode("utf-8", "replace")
    return present(
        attempt=attempt.number,
        status=attempt.status,
        headers={
            f"{cut(name, _HEADER_NAME)}": cut(value, _HEADER_VALUE)
            for name, value in attempt.headers[:_HEADERS]
        },
        body=cut(body, _BODY),
        not_kept=attempt.not_kept or None,
    )


def payload_text(job: Job) -> Document:
    """The beginning of a job's payload, which may be what strangers wrote."""
    text = (job.data or b"")[:_BODY_BYTES].decode("utf-8", "replace")
    return present(payload=cut(text, _BODY))
