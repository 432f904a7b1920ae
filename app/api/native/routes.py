"""Routes of the native API: each reads the wire, calls one use case, and renders what it says."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Blueprint, Flask, Response, request
from werkzeug.http import parse_options_header
from werkzeug.routing import BaseConverter
from werkzeug.wsgi import FileWrapper

from app.api import bodies, negotiation
from app.api.native import (
    answers,
    document,
    json_codec,
    listing,
    paths,
    run_routes,
    xml_codec,
    xml_encoding,
)
from app.api.native.callers import caller as _caller
from app.api.native.document import JobDocument
from app.domain.job import MAX_DATA, Booking
from app.errors import UnsupportedFormat
from app.service import accounts, pauses
from app.service import jobs as job_service

native: Final = Blueprint("native", __name__, url_prefix="/1")


class _PathFormConverter(BaseConverter):
    """Whatever may be `<when or cron>/<callback>`: a slash in it, and no job id before it."""

    part_isolating = False
    regex = r"(?![0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}/)[\s\S]*/[\s\S]*"


def install(app: Flask) -> None:
    """Offer the native API in this application."""
    app.url_map.converters["path_form"] = _PathFormConverter
    app.register_blueprint(native)
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
    caller = _caller()
    media_type = answers.offer(negotiation.WITH_TEXT)
    booking = document.booking(_document())
    return answers.created(job_service.create(caller, booking), media_type)


@native.post("/jobs/<path_form:_form>")
def create_job_by_path(_form: str) -> Response:
    """A new job from the address; the body is its payload, whatever it looks like."""
    caller = _caller()
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


@native.get("/secrets")
def list_secrets() -> Response:
    """The account's signing secrets that are valid now, newest first."""
    caller = _caller()
    media_type = answers.offer(negotiation.DOCUMENTS)
    found = accounts.secrets(caller.account.name)
    answer = answers.listed("secrets", list(found), media_type)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _document() -> JobDocument:
    """The job document in the body; raises UnsupportedFormat, TooLarge and what the codecs do."""
    media_type, options = parse_options_header(request.headers.get("Content-Type"))
    charset = options.get("charset")
    match media_type.lower():
        case negotiation.JSON if charset is None or charset.lower() == "utf-8":
            return json_codec.read(bodies.read(bodies.MAX_DOCUMENT))
        case negotiation.XML_TEXT | negotiation.XML_APPLICATION if (
            charset is None or charset.lower() in xml_encoding.CHARSETS
        ):
            return xml_codec.read(bodies.read(bodies.MAX_DOCUMENT), charset)
    raise UnsupportedFormat(
        "The body's media type or charset is not taken here.",
        member="Content-Type",
        remedy=f"Send one of: {', '.join(negotiation.DOCUMENTS)}; with no charset, or utf-8.",
    )
