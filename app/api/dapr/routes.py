"""Routes of the Dapr Jobs API: schedule, get and delete a job; health and metadata for SDKs."""

from __future__ import annotations

from functools import partial
from typing import Final

import orjson
from flask import Blueprint, Flask, Response, request
from werkzeug.routing import BaseConverter

from app.api import bodies, browsers, direct_bookings, previews, problems, scopes
from app.api.auth import BOUND
from app.api.context import current_context
from app.api.dapr import addresses, bookings, callers, direct, documents, failures
from app.api.dapr.rpc.requests import is_grpc
from app.api.parameters import takes
from app.api.problems import ErrorRenderer
from app.api.scopes import needs
from app.domain.dapr.names import check_name, trim
from app.domain.dapr.refusal import Refusal
from app.domain.scope import Scope
from app.errors import Conflict, InvalidMember, MalformedDocument, NotFound, TooLarge
from app.service.dapr import jobs as dapr_jobs

_JSON: Final = "application/json"

dapr_routes: Final = Blueprint("dapr", __name__)


class _NameConverter(BaseConverter):
    """Matches the rest of the path; the name itself is read from the encoded path (`job_name`)."""

    part_isolating = False
    regex = r"[\s\S]+"


def install(app: Flask) -> None:
    """Offer the Dapr Jobs API in this application."""
    app.url_map.converters["dapr_name"] = _NameConverter
    app.register_blueprint(dapr_routes)
    problems.register_error_renderer(app, ErrorRenderer(covers=_covers, render=failures.render))
    previews.offer(app, bookings.PREVIEWER)
    direct_bookings.offer(app, direct.covers, direct.read)
    app.wsgi_app = addresses.Cleaned(app.wsgi_app)  # type: ignore[method-assign] # as Flask has it


@dapr_routes.before_app_request
def _keep_to_dapr() -> None:
    """A sidecar asks for no key, so it serves the Dapr API only."""
    if BOUND not in request.environ or is_grpc():
        return
    browsers.refuse_other_hosts()
    if not addresses.is_dapr_path(request.path):
        raise failures.no_route()


@dapr_routes.post("/v1.0/jobs/<dapr_name:_name>")
@dapr_routes.post("/v1.0-alpha1/jobs/<dapr_name:_name>")
@needs(Scope.BOOK, of_app=True)
@takes(ignoring=True)
def schedule_job(_name: str) -> Response:
    """Book a job, or overwrite it."""
    caller, app_id = callers.cached_sender(failures.no_app)
    document = _document()
    name = trim(addresses.job_name(request.environ))
    if document.name:
        raise failures.name_in_body()
    if not name:
        raise failures.name_empty()
    if document.schedule is None and document.due_time is None:
        raise failures.schedule_empty()
    try:
        judge = partial(bookings.make_booking, app_id, name, document)
        dapr_jobs.book(current_context(), caller, judge, overwrite=document.overwrite)
    except Refusal as refusal:
        where = "" if refusal.member == "name" else "job failed validation: "
        raise failures.scheduler_error(500, "Unknown", f"{where}{refusal.text}") from None
    except InvalidMember as refusal:
        raise callers.without_app(refusal, failures.no_app) from None
    except Conflict:
        key = f"app||{failures.NAMESPACE}||{app_id}||{name}"
        raise failures.scheduler_error(
            409, "AlreadyExists", f"job already exists: '{key}'"
        ) from None
    return Response(status=204)


@dapr_routes.get("/v1.0/jobs/<dapr_name:_name>")
@dapr_routes.get("/v1.0-alpha1/jobs/<dapr_name:_name>")
@needs(Scope.READ, of_app=True)
@takes(ignoring=True)
def get_job(_name: str) -> Response:
    """The job as it was booked."""
    caller, app_id = callers.sender(failures.no_app)
    name = _checked_name()
    try:
        found = dapr_jobs.get(current_context(), caller, app_id, name)
    except NotFound:
        raise failures.scheduler_error(500, "NotFound", f"job not found: {name}") from None
    return Response(
        documents.write(
            name, found.booking.written or {}, found.booking.data, found.booking.type_url
        ),
        content_type=_JSON,
    )


@dapr_routes.delete("/v1.0/jobs/<dapr_name:_name>")
@dapr_routes.delete("/v1.0-alpha1/jobs/<dapr_name:_name>")
@needs(Scope.BOOK, of_app=True)
@takes(ignoring=True)
def delete_job(_name: str) -> Response:
    """End the job of that name, if there is one."""
    caller, app_id = callers.sender(failures.no_app)
    dapr_jobs.delete(current_context(), caller, app_id, _checked_name())
    return Response(status=204)


@dapr_routes.get("/v1.0/healthz")
@dapr_routes.get("/v1.0/healthz/outbound")
@scopes.needs_no_key
@takes(ignoring=True)
def healthz() -> Response:
    """204 while this process answers; needs no key."""
    return Response(status=204)


@dapr_routes.get("/v1.0/metadata")
@needs(Scope.READ, of_app=True)
@takes(ignoring=True)
def metadata() -> Response:
    """The app of this sidecar and its features, which Dapr's SDKs ask for at their start."""
    _, app_id = callers.sender(failures.no_app)
    members = {
        "id": app_id,
        "runtimeVersion": "wakecall",
        "enabledFeatures": [],
        "actors": [],
        "components": [],
        "extended": {},
        "subscriptions": [],
        "httpEndpoints": [],
    }
    return Response(orjson.dumps(members), content_type=_JSON)


def _covers() -> bool:
    if is_grpc():
        return False
    return BOUND in request.environ or addresses.is_dapr_path(request.path)


def _document() -> documents.JobDocument:
    try:
        body = bodies.read(bodies.MAX_LONG)
    except TooLarge:
        raise failures.unread("stream too large") from None
    except MalformedDocument as refusal:
        raise failures.unread(refusal.message) from None
    try:
        return documents.read(body)
    except MalformedDocument as refusal:
        raise failures.malformed(f"failed deserializing HTTP body: {refusal.message}") from None


def _checked_name() -> str:
    name = addresses.job_name(request.environ)
    try:
        check_name(name)
    except Refusal as refusal:
        raise failures.scheduler_error(500, "Unknown", refusal.text) from None
    return name
