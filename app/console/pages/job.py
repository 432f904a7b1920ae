"""Job: one job, its next firings, its request and its runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from flask import request
from flask.typing import ResponseReturnValue

from app.api.context import current_context
from app.api.native.documents import job as job_document
from app.api.parameters import takes
from app.console import (
    booking_form,
    elements,
    job_rows,
    job_text,
    page_context,
    payloads,
    retry_chart,
    snippets,
)
from app.console.access import needs, viewer
from app.console.blueprint import console
from app.console.rendering import page
from app.domain.job import MAX_DATA, Dialect, Job
from app.domain.job_preview import preview_job
from app.domain.preview import Preview
from app.domain.recent_run import RecentRun
from app.domain.role import Role
from app.domain.run import Run
from app.errors import Conflict, InvalidMember, NotFound
from app.service import foreign_jobs, job_list, jobs, run_pages, runs

FIRINGS: Final = 5
_RUNS: Final = 8
_LIVE_S: Final = 5
_RESULT_LIVE_S: Final = 1
_READ_ONLY: Final = ("id", "account", "next", "dataOmitted")
_HEX_BYTES: Final = 2048


@console.get("/jobs/<uuid:job_id>")
@needs(Role.READER)
@takes()
def job(job_id: UUID) -> ResponseReturnValue:
    """Show a job; one that has ended is shown by its runs."""
    context, caller = current_context(), viewer().caller
    recent = job_list.list_recent_runs(context, caller, [job_id]).get(job_id, ())
    try:
        found = jobs.get(context, caller, job_id)
    except NotFound:
        if not recent:
            raise
        return page("job_ended.html", job_id=job_id, **_runs(job_id, recent))
    return page("job.html", live=_LIVE_S, **_runs(job_id, recent), **_values(found))


def document_of(found: Job) -> dict[str, Any]:
    """Return the document that books a job like this one."""
    shown_members = dict(job_document.members(job_document.from_job(found)))
    return {name: value for name, value in shown_members.items() if name not in _READ_ONLY}


def _values(found: Job) -> dict[str, Any]:
    booking = found.booking
    document = document_of(found)
    base = elements.base_url()
    is_native = booking.dialect is Dialect.NATIVE
    preview = _preview(found)
    steps = retry_chart.steps_of(booking.call_options.retry)
    return {
        "job": found,
        "booking": booking,
        "title": job_rows.title_of(booking),
        "target": job_rows.target_of(booking),
        "state": job_rows.state_of(found, page_context.now()),
        "expression": job_rows.expression_of(booking),
        "preview": preview,
        **({} if preview is None else {"job_zone": preview.zone.name}),
        "misfire": job_text.misfire(found),
        "is_native": is_native,
        "foreign": None if is_native else _foreign(found),
        "request_line": job_text.request_line(found) if is_native else "",
        "headers": list(job_text.headers(found)) if is_native else [],
        "payload": payloads.shown(booking.data) if booking.data else None,
        "payload_text": _raw(booking.data),
        "payload_hex": payloads.to_hex((booking.data or b"")[:_HEX_BYTES]),
        "ladder": retry_chart.in_words(steps),
        "ladder_chart": retry_chart.chart(steps),
        "timeout": booking.call_options.timeout or job_text.DEFAULT_TIMEOUT,
        "document": booking_form.text(document),
        "snippets": snippets.all_of(base, viewer().account_name, document),
    }


def _runs(job_id: UUID, recent: Sequence[RecentRun]) -> dict[str, Any]:
    """Return the newest runs of a job, and the picture of some more."""
    context, caller = current_context(), viewer().caller
    return {
        "runs": run_pages.list_recent_of_job(context, caller, job_id, _RUNS),
        "strip": job_rows.strip(recent),
        "counted": job_rows.counted(recent),
    }


def _preview(found: Job) -> Preview | None:
    try:
        return preview_job(found, now=page_context.now(), count=FIRINGS)
    except InvalidMember:
        return None


def _foreign(found: Job) -> Conflict:
    """Return why the job is not changed here, and where it is."""
    try:
        foreign_jobs.refuse_foreign(found)
    except Conflict as error:
        return error
    raise AssertionError(found.booking.dialect)


@console.get("/jobs/<uuid:job_id>/result")
@needs(Role.READER, beside_form=True)
@takes("endpoint")
def result(job_id: UUID) -> ResponseReturnValue:
    """Show the result of a test call: as a part of the form's page, or as a page of its own."""
    found = _newest_run(job_id)
    is_over = found is not None and found.settled_at is not None
    attempt = found.attempts[-1] if found is not None and found.attempts else None
    return page(
        "job_result_part.html" if "HX-Request" in request.headers else "job_result.html",
        live=None if is_over else _RESULT_LIVE_S,
        job_id=job_id,
        run=found,
        is_over=is_over,
        of_endpoint=bool(request.args.get("endpoint")),
        attempt=attempt,
        answer=payloads.shown_reply(attempt.reply) if attempt else None,
    )


def _raw(data: bytes | None) -> str:
    """Return a short payload as the text that is sent, if it is one; else an empty text."""
    try:
        return (data or b"").decode() if len(data or b"") <= MAX_DATA else ""
    except UnicodeDecodeError:
        return ""


def _newest_run(job_id: UUID) -> Run | None:
    """Return the newest run of a job, which may have ended; None before its first."""
    with runs.list_runs_of_job(
        current_context(), viewer().caller, job_id, after=None, limit=1
    ) as found:
        return next(found, None)
