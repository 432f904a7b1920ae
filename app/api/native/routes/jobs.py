"""Routes of the native API: each reads the wire, calls one use case, and renders what it says."""

from __future__ import annotations

from functools import partial
from typing import Final
from uuid import UUID

from flask import Blueprint, Flask, Response, request
from werkzeug.routing import BaseConverter

from app.api import admission, bodies, idempotency, negotiation, previews, rate, scopes
from app.api.native.codecs import json_codec, xml_codec
from app.api.native.documents import bulk as bulk_document
from app.api.native.documents import completion as completion_document
from app.api.native.documents import job as job_document
from app.api.native.documents import preview as preview_document
from app.api.native.documents import request_path
from app.api.native.documents.job import JobDocument
from app.api.native.routes import (
    dapr_apps,
    fusion_runners,
    job_list,
    jobs_by_name,
    request_body,
    responses,
    runs,
    schemas,
)
from app.api.native.routes.account import account
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.account import CachedCaller, Caller
from app.domain.checks import quoted
from app.domain.job import MAX_DATA, Booking
from app.domain.scope import Scope
from app.errors import InvalidMember
from app.service import jobs as job_service
from app.service import pauses

_FLAGS: Final = {"true": True, "false": False}

native: Final = Blueprint("native", __name__, url_prefix="/1")


class _PathFormConverter(BaseConverter):
    """Whatever may be `<when or cron>/<callback>`: a slash in it, and no job before it."""

    part_isolating = False
    regex = r"(?!(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|by-name)/)[\s\S]*/[\s\S]*"


def install(app: Flask) -> None:
    """Offer the native API in this application."""
    app.url_map.converters["path_form"] = _PathFormConverter
    app.register_blueprint(native)
    app.register_blueprint(job_list.job_lists)
    jobs_by_name.install(app)
    app.register_blueprint(account)
    app.register_blueprint(runs.runs)
    app.register_blueprint(completion_document.completion)
    app.register_blueprint(fusion_runners.runners)
    app.register_blueprint(dapr_apps.apps)
    app.register_blueprint(schemas.schemas)
    previews.offer(app, preview_document.PREVIEWER)


@native.post("/jobs")
@needs(Scope.BOOK, dry_run=scopes.is_dry_run)
@takes(scopes.DRY_RUN)
def create_job() -> Response:
    """A new job from a document (spec: Create One-time or Recurring Job)."""
    caller = _cached_caller()
    media_type, dry_run = _creating()
    booking = job_document.booking(_document())
    return _created(caller, booking, media_type, dry_run=dry_run)


@native.post("/jobs/bulk")
@needs(Scope.BOOK, dry_run=scopes.is_dry_run)
@takes(scopes.DRY_RUN)
def create_jobs() -> Response:
    """New jobs from one document, all of them or none (an extension)."""
    caller = _caller()
    media_type, dry_run = _creating()
    bookings = bulk_document.read(
        *request_body.body(bodies.MAX_LONG), judge=partial(job_service.judge_together, caller)
    )
    rate.count_items(caller.account.id, len(bookings))
    write = responses.checked_together if dry_run else responses.created_together
    written: list[Response] = []
    # Before anything is stored: an answer that is too long is refused.
    job_service.create_together(
        caller,
        bookings,
        dry_run=dry_run,
        before_storing=lambda jobs: written.append(write(jobs, media_type)),
    )
    return written[0]


@native.post("/jobs/<path_form:_form>")
@needs(Scope.BOOK, dry_run=scopes.is_dry_run)
@takes(scopes.DRY_RUN, hint="A question mark within the callback is written %3F.")
def create_job_by_path(_form: str) -> Response:
    """A new job from the address; the body is its payload, whatever it looks like."""
    caller = _cached_caller()
    media_type, dry_run = _creating()
    target = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI")
    form = request_path.read(
        target and request_path.raw_path(target), request.environ["PATH_INFO"].encode("latin-1")
    )
    payload = bodies.read(MAX_DATA, member="data")
    booking = Booking(
        url=form.url,
        trigger=form.trigger,
        signature=(request.headers.get("X-Content-Signature") or None) if payload else None,
        content_type=(request.headers.get("Content-Type") or None) if payload else None,
        data=payload or None,
    )
    return _created(caller, booking, media_type, dry_run=dry_run)


@native.post("/preview")
@idempotency.needless
@needs(Scope.READ)
@takes()
def preview_schedule() -> Response:
    """What a schedule would do, without booking it (an extension)."""
    caller = _caller()
    media_type = responses.offer(negotiation.DOCUMENTS)
    found, items = preview_document.answer(*request_body.body(bodies.MAX_DOCUMENT), now=caller.now)
    rate.count_items(caller.account.id, items)
    return responses.listed(preview_document.ROOT, preview_document.shown(found), media_type)


@native.get("/jobs/<uuid:job_id>")
@needs(Scope.READ)
@takes()
def get_job(job_id: UUID) -> Response:
    """A whole job (spec: Get)."""
    caller = _caller()
    media_type = responses.offer(negotiation.DOCUMENTS)
    return responses.job(job_service.get(caller, job_id), media_type)


@native.put("/jobs/<uuid:job_id>")
@needs(Scope.BOOK)
@takes(hint=f"POST the document to /1/jobs?{scopes.DRY_RUN}=true to have it checked.")
def update_job(job_id: UUID) -> Response:
    """A job replaced by a document (spec: Update Job)."""
    caller = _caller()
    media_type = responses.offer(negotiation.WITH_TEXT)
    sent = _document()
    booking, read_only = job_document.booking(sent), job_document.read_only_members(sent)
    return responses.job(job_service.update(caller, job_id, booking, read_only), media_type)


@native.delete("/jobs/<uuid:job_id>")
@needs(Scope.BOOK)
@takes()
def delete_job(job_id: UUID) -> Response:
    """A job ended (spec: Delete Job)."""
    job_service.delete(_caller(), job_id)
    return Response(status=204)


@native.post("/jobs/<uuid:job_id>/pause")
@needs(Scope.BOOK)
@takes()
def pause_job(job_id: UUID) -> Response:
    """A job held back, as PUT with `enabled` false would."""
    caller = _caller()
    media_type = responses.offer(negotiation.DOCUMENTS)
    return responses.job(pauses.pause(caller, job_id), media_type)


@native.post("/jobs/<uuid:job_id>/resume")
@needs(Scope.BOOK)
@takes()
def resume_job(job_id: UUID) -> Response:
    """A paused job let go again."""
    caller = _caller()
    media_type = responses.offer(negotiation.DOCUMENTS)
    return responses.job(pauses.resume(caller, job_id), media_type)


def _cached_caller() -> Caller | CachedCaller:
    return admission.admit_cached()


def _caller() -> Caller:
    return admission.admit()


def _creating() -> tuple[str, bool]:
    """The media type in which a new job is answered, and whether it is only to be checked."""
    dry_run = _flag(scopes.DRY_RUN)
    # What text has to say of a new job is its id, which one that is only checked has not.
    return responses.offer(negotiation.TEXT_LAST if dry_run else negotiation.WITH_TEXT), dry_run


def _created(
    caller: Caller | CachedCaller, booking: Booking, media_type: str, *, dry_run: bool
) -> Response:
    job = job_service.create(caller, booking, dry_run=dry_run)
    return responses.checked(job, media_type) if dry_run else responses.created(job, media_type)


def _flag(name: str) -> bool:
    text = request.args.get(name, "false")
    if text not in _FLAGS:
        raise InvalidMember(name, f"{name} is {quoted(text)}.", remedy="Write true or false.")
    return _FLAGS[text]


def _document() -> JobDocument:
    """The job document in the body; raises UnsupportedFormat, TooLarge and what the codecs do."""
    return request_body.read(json_codec.read, xml_codec.read)
