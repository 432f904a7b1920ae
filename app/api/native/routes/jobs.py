"""Routes of jobs: create, read, update, delete, pause and resume."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from flask import Response, request

from app.api import admission, bodies, negotiation, rate, scopes
from app.api.computing import LONG_BYTES, Turn
from app.api.context import current_context
from app.api.native.documents import bulk as bulk_document
from app.api.native.documents import job as job_document
from app.api.native.documents import request_path
from app.api.native.routes import dry_run, request_body, responses
from app.api.native.routes.blueprint import native
from app.api.native.routes.received_path import received_path
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.account import CachedCaller, Caller
from app.domain.job import MAX_DATA, Booking, Job
from app.domain.scope import Scope
from app.service import jobs as service
from app.service import pauses


@native.post("/jobs")
@needs(Scope.BOOK, dry_run=scopes.is_dry_run)
@takes(scopes.DRY_RUN)
def create_job() -> Response:
    """Create a job from a document (spec: Create One-time or Recurring Job)."""
    caller = admission.admit_cached()
    media_type, is_dry_run = dry_run.negotiate()
    booking = job_document.to_booking(job_document.read(request_body.receive()))
    return _create(caller, booking, media_type, is_dry_run=is_dry_run)


@native.post("/jobs/bulk")
@needs(Scope.BOOK, dry_run=scopes.is_dry_run)
@takes(scopes.DRY_RUN)
def create_jobs() -> Response:
    """Create all jobs of one document, or none of them (an extension)."""
    caller = admission.admit()
    media_type, is_dry_run = dry_run.negotiate()
    body = request_body.receive(bodies.MAX_LONG)
    render = responses.render_unstored_jobs if is_dry_run else responses.render_created_jobs
    rendered: list[Response] = []
    is_long = len(body.content) > LONG_BYTES
    with Turn(is_long=is_long, owner=caller.account.id) as turn:

        def before_storing(jobs: Sequence[Job]) -> None:
            # Each try has jobs of its own, with other ids; what is answered is what was stored.
            rendered[:] = [render(jobs, media_type)]
            turn.end()

        judge = partial(service.judge_together, current_context(), caller)
        bookings = bulk_document.read(body, judge=judge)
        rate.count_items(caller.account.id, len(bookings))
        # The response is rendered before anything is stored, since one that is too long is refused.
        service.create_together(
            current_context(), caller, bookings, dry_run=is_dry_run, before_storing=before_storing
        )
    return rendered[0]


@native.post("/jobs/<booking_path:_booking_path>")
@needs(Scope.BOOK, dry_run=scopes.is_dry_run)
@takes(scopes.DRY_RUN, hint="Write a question mark within the callback as %3F.")
def create_job_by_path(_booking_path: str) -> Response:
    """Create a job from the path; the body is its payload, whatever its media type."""
    caller = admission.admit_cached()
    media_type, is_dry_run = dry_run.negotiate()
    booked = request_path.read_booking(*received_path())
    payload = bodies.read(MAX_DATA, member="data")
    booking = Booking(
        url=booked.url,
        trigger=booked.trigger,
        signature=(request.headers.get("X-Content-Signature") or None) if payload else None,
        content_type=(request.headers.get("Content-Type") or None) if payload else None,
        data=payload or None,
    )
    return _create(caller, booking, media_type, is_dry_run=is_dry_run)


@native.get("/jobs/<uuid:job_id>")
@needs(Scope.READ)
@takes()
def get_job(job_id: UUID) -> Response:
    """Show a whole job (spec: Get)."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    return responses.render_job(service.get(current_context(), caller, job_id), media_type)


@native.put("/jobs/<uuid:job_id>")
@needs(Scope.BOOK)
@takes(hint=f"To check a document, POST it to /1/jobs?{scopes.DRY_RUN}=true.")
def update_job(job_id: UUID) -> Response:
    """Replace a job by a document (spec: Update Job)."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.WITH_TEXT)
    document = job_document.read(request_body.receive())
    booking, read_only = job_document.to_booking(document), job_document.read_only_members(document)
    return responses.render_job(
        service.update(current_context(), caller, job_id, booking, read_only), media_type
    )


@native.delete("/jobs/<uuid:job_id>")
@needs(Scope.BOOK)
@takes()
def delete_job(job_id: UUID) -> Response:
    """End a job (spec: Delete Job)."""
    service.delete(current_context(), admission.admit(), job_id)
    return Response(status=204)


@native.post("/jobs/<uuid:job_id>/pause")
@needs(Scope.BOOK)
@takes()
def pause_job(job_id: UUID) -> Response:
    """Pause a job, as PUT with `enabled` false does."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    return responses.render_job(pauses.pause(current_context(), caller, job_id), media_type)


@native.post("/jobs/<uuid:job_id>/resume")
@needs(Scope.BOOK)
@takes()
def resume_job(job_id: UUID) -> Response:
    """Resume a paused job."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    return responses.render_job(pauses.resume(current_context(), caller, job_id), media_type)


def _create(
    caller: Caller | CachedCaller, booking: Booking, media_type: str, *, is_dry_run: bool
) -> Response:
    job = service.create(current_context(), caller, booking, dry_run=is_dry_run)
    render = responses.render_unstored_job if is_dry_run else responses.render_created_job
    return render(job, media_type)
