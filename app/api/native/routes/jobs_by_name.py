"""Routes of jobs by their names, for clients that declare which jobs should exist."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flask import Response

from app.api import admission, negotiation, scopes
from app.api.context import current_context
from app.api.native.documents import job as job_document
from app.api.native.documents import request_path
from app.api.native.routes import dry_run, request_body, responses
from app.api.native.routes.blueprint import native
from app.api.native.routes.received_path import received_path
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.checks import quoted
from app.domain.scope import Scope
from app.errors import InvalidMember
from app.service import jobs_by_name as service

OUTCOME: Final = "Wakecall-Outcome"
"""The header that names what a request did, or would do, to the job of its name."""

_HINT: Final = "Write a question mark within a name as %3F."


@native.get("/jobs/by-name/<job_name:_job_name>")
@needs(Scope.READ)
@takes(hint=_HINT)
def get_job_by_name(_job_name: str) -> Response:
    """Show the whole job of that name (an extension)."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    name = request_path.read_name(*received_path())
    return responses.render_job(service.get(current_context(), caller, name), media_type)


@native.put("/jobs/by-name/<job_name:_job_name>")
@needs(Scope.BOOK, dry_run=scopes.is_dry_run)
@takes(scopes.DRY_RUN, hint=_HINT)
def put_job_by_name(_job_name: str) -> Response:
    """Make the job of that name equal to the document: create it, replace it or leave it."""
    caller = admission.admit()
    media_type, is_dry_run = dry_run.negotiate()
    name = request_path.read_name(*received_path())
    document = job_document.read(request_body.receive())
    if document.name not in {None, name}:
        raise InvalidMember(
            "name",
            f"The document has the name {quoted(document.name or '')}, "
            f"but the address has {quoted(name)}.",
            remedy="Leave name out of the document. To rename a job, use PUT /1/jobs/<id>.",
        )
    booking = replace(job_document.to_booking(document), name=name)
    put_or_check = service.check_put if is_dry_run else service.put
    put = put_or_check(current_context(), caller, booking, job_document.read_only_members(document))
    response = _render(put, media_type, is_dry_run=is_dry_run)
    response.headers[OUTCOME] = put.outcome
    return response


@native.delete("/jobs/by-name/<job_name:_job_name>")
@needs(Scope.BOOK)
@takes(hint=_HINT)
def delete_job_by_name(_job_name: str) -> Response:
    """End the job of that name."""
    service.delete(current_context(), admission.admit(), request_path.read_name(*received_path()))
    return Response(status=204)


def _render(put: service.Put, media_type: str, *, is_dry_run: bool) -> Response:
    if put.outcome is not service.Outcome.CREATED:
        return responses.render_job(put.job, media_type)
    render = responses.render_unstored_job if is_dry_run else responses.render_created_job
    return render(put.job, media_type)
