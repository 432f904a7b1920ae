"""Routes of jobs by their names, for clients that declare what shall be booked."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flask import Blueprint, Flask, Response, request
from werkzeug.routing import BaseConverter

from app.api import admission, negotiation
from app.api.native.codecs import json_codec, xml_codec
from app.api.native.documents import job as job_document
from app.api.native.documents import request_path
from app.api.native.routes import request_body, responses
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.checks import quoted
from app.domain.scope import Scope
from app.errors import InvalidMember
from app.service import jobs_by_name as service

_HINT: Final = "A question mark within a name is written %3F."

named: Final = Blueprint("named", __name__, url_prefix="/1")


class _NameConverter(BaseConverter):
    """All that follows, slashes too: a proxy may have decoded them."""

    part_isolating = False
    regex = r"[\s\S]*"


def install(app: Flask) -> None:
    """Offer these routes in this application."""
    app.url_map.converters["job_name"] = _NameConverter
    app.register_blueprint(named)


@named.get("/jobs/by-name/<job_name:_name>")
@needs(Scope.READ)
@takes(hint=_HINT)
def get_job_by_name(_name: str) -> Response:
    """The whole job of that name (an extension)."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    return responses.job(service.get(caller, _asked()), media_type)


@named.put("/jobs/by-name/<job_name:_name>")
@needs(Scope.BOOK)
@takes(hint=_HINT)
def put_job_by_name(_name: str) -> Response:
    """The job of that name as the document has it: booked, replaced, or as it was."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.WITH_TEXT)
    name = _asked()
    sent = request_body.read(json_codec.read, xml_codec.read)
    if sent.name not in {None, name}:
        raise InvalidMember(
            "name",
            f"The document has the name {quoted(sent.name or '')}, the address {quoted(name)}.",
            remedy="Leave name out of the document; PUT /1/jobs/<id> gives a job another name.",
        )
    booking = replace(job_document.booking(sent), name=name)
    put = service.put(caller, booking, job_document.read_only_members(sent))
    if put.created:
        return responses.created(put.job, media_type)
    return responses.job(put.job, media_type)


@named.delete("/jobs/by-name/<job_name:_name>")
@needs(Scope.BOOK)
@takes(hint=_HINT)
def delete_job_by_name(_name: str) -> Response:
    """The job of that name ended."""
    service.delete(admission.admit(), _asked())
    return Response(status=204)


def _asked() -> str:
    """The name in the address; raises InvalidMember."""
    target = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI")
    return request_path.read_name(
        target and request_path.raw_path(target), request.environ["PATH_INFO"].encode("latin-1")
    )
