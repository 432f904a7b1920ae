"""Routes of the native API: each reads the wire, calls one use case, and renders what it says."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Blueprint, Flask, Response, request
from werkzeug.routing import BaseConverter
from werkzeug.wsgi import FileWrapper

from app.api import admission, bodies, negotiation
from app.api.native import (
    answers,
    bulk,
    document,
    incoming,
    json_codec,
    listing,
    paths,
    run_routes,
    xml_codec,
)
from app.api.native.account_routes import account
from app.api.native.document import JobDocument
from app.domain.account import Caller, Presumed
from app.domain.job import MAX_DATA, Booking
from app.service import jobs as job_service
from app.service import pauses

native: Final = Blueprint("native", __name__, url_prefix="/1")


class _PathFormConverter(BaseConverter):
    """Whatever may be `<when or cron>/<callback>`: a slash in it, and no job id before it."""

    part_isolating = False
    regex = r"(?![0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}/)[\s\S]*/[\s\S]*"


def install(app: Flask) -> None:
    """Offer the native API in this application."""
    app.url_map.converters["path_form"] = _PathFormConverter
    app.register_blueprint(native)
    app.register_blueprint(account)
    app.register_blueprint(run_routes.runs)


@native.get("/jobs")
def list_jobs() -> Response:
    """The ids of all jobs of the account (spec: List)."""
    caller = _caller()
    media_type = answers.offer(negotiation.WITH_TEXT)
    layout = listing.LAYOUTS[media_type]
    with job_service.ids(caller) as found:
        length = layout.length(found.count)
        file = None if request.method == "HEAD" else listing.spool(layout, found.count, found.ids)
    answer = Response(
        None if file is None else FileWrapper(file, listing.PIECE),
        content_type=answers.CONTENT_TYPES[media_type],
    )
    answer.content_length = length
    return answer


@native.post("/jobs")
def create_job() -> Response:
    """A new job from a document (spec: Create One-time or Recurring Job)."""
    caller = _presumed()
    media_type = answers.offer(negotiation.WITH_TEXT)
    booking = document.booking(_document())
    return answers.created(job_service.create(caller, booking), media_type)


@native.post("/jobs/bulk")
def create_jobs() -> Response:
    """New jobs from one document, all of them or none (an extension)."""
    caller = _caller()
    media_type = answers.offer(negotiation.WITH_TEXT)
    bookings = bulk.read(*incoming.body(bodies.MAX_BULK))
    return answers.created_together(job_service.create_together(caller, bookings), media_type)


@native.post("/jobs/<path_form:_form>")
def create_job_by_path(_form: str) -> Response:
    """A new job from the address; the body is its payload, whatever it looks like."""
    caller = _presumed()
    media_type = answers.offer(negotiation.WITH_TEXT)
    target = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI")
    form = paths.read(
        target and paths.raw_path(target), request.environ["PATH_INFO"].encode("latin-1")
    )
    payload = bodies.read(MAX_DATA, member="data")
    booking = Booking(
        url=form.url,
        trigger=form.trigger,
        signature=(request.headers.get("X-Content-Signature") or None) if payload else None,
        content_type=(request.headers.get("Content-Type") or None) if payload else None,
        data=payload or None,
    )
    return answers.created(job_service.create(caller, booking), media_type)


@native.get("/jobs/<uuid:job_id>")
def get_job(job_id: UUID) -> Response:
    """A whole job (spec: Get)."""
    caller = _caller()
    media_type = answers.offer(negotiation.DOCUMENTS)
    return answers.job(job_service.get(caller, job_id), media_type)


@native.put("/jobs/<uuid:job_id>")
def update_job(job_id: UUID) -> Response:
    """A job replaced by a document (spec: Update Job)."""
    caller = _caller()
    media_type = answers.offer(negotiation.WITH_TEXT)
    sent = _document()
    booking, echo = document.booking(sent), document.echo(sent)
    return answers.job(job_service.update(caller, job_id, booking, echo), media_type)


@native.delete("/jobs/<uuid:job_id>")
def delete_job(job_id: UUID) -> Response:
    """A job ended (spec: Delete Job)."""
    job_service.delete(_caller(), job_id)
    return Response(status=204)


@native.post("/jobs/<uuid:job_id>/pause")
def pause_job(job_id: UUID) -> Response:
    """A job held back, as PUT with `enabled` false would."""
    caller = _caller()
    media_type = answers.offer(negotiation.DOCUMENTS)
    return answers.job(pauses.pause(caller, job_id), media_type)


@native.post("/jobs/<uuid:job_id>/resume")
def resume_job(job_id: UUID) -> Response:
    """A paused job let go again."""
    caller = _caller()
    media_type = answers.offer(negotiation.DOCUMENTS)
    return answers.job(pauses.resume(caller, job_id), media_type)


def _presumed() -> Caller | Presumed:
    return admission.presume()


def _caller() -> Caller:
    return admission.admit()


def _document() -> JobDocument:
    """The job document in the body; raises UnsupportedFormat, TooLarge and what the codecs do."""
    return incoming.read(json_codec.read, xml_codec.read)
