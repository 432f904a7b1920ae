"""Routes of what needs attention: failing jobs, and destinations for which calls wait."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from app.api import admission, negotiation
from app.api.context import current_context
from app.api.native.documents import attention as attention_document
from app.api.native.routes import responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain import instants
from app.domain.scope import Scope
from app.service import attention as service

_AFTER: Final = "after"


@native.get("/runs/failures")
@needs(Scope.READ)
@takes(_AFTER)
def list_failures() -> Response:
    """List the jobs with failed or dead runs, the newest failure first."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    text = request.args.get(_AFTER)
    since = None if text is None else instants.parse(text, member=_AFTER)
    found = service.list_failures(current_context(), caller, since=since)
    return responses.render("failures", attention_document.render_failures(found), media_type)


@native.get("/destinations")
@needs(Scope.READ)
@takes()
def list_held_destinations() -> Response:
    """List the destinations for which calls wait although they are due."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    found = service.list_held_destinations(current_context(), caller)
    return responses.render("held", attention_document.render_held(found), media_type)
