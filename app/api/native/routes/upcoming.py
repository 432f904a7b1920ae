"""Route of upcoming firings: what the jobs of the account do next."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from app.api import admission, negotiation
from app.api.context import current_context
from app.api.native.documents import firing_load as firing_load_document
from app.api.native.documents import job_filter, list_cursor
from app.api.native.documents import upcoming as upcoming_document
from app.api.native.routes import paging, responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain import instants
from app.domain.scope import Scope
from app.service import upcoming as service

_UNTIL: Final = "until"


@native.get("/upcoming")
@needs(Scope.READ)
@takes(_UNTIL, *job_filter.PARAMETERS, paging.LIMIT, paging.CURSOR, many=(job_filter.TAG,))
def list_upcoming() -> Response:
    """List a page of the next firings of the account's jobs, the earliest first."""
    caller = admission.admit()
    context = current_context()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    wanted = job_filter.parse(request.args.getlist(job_filter.TAG), request.args)
    until, cursor = request.args.get(_UNTIL), request.args.get(paging.CURSOR)
    scope = paging.scope_of(caller.account.id)
    limit = paging.parse_limit() or paging.DEFAULT_LIMIT
    with service.list_upcoming(
        context,
        caller,
        wanted,
        until=None if until is None else instants.parse(until, member=_UNTIL),
        after=None if cursor is None else list_cursor.read_expected(scope, cursor),
        limit=limit + 1,
    ) as found:
        resume_after = found.resume_after
        return responses.render_page(
            "upcoming",
            found.firings,
            lambda firing: upcoming_document.render(
                firing, service.reason_to_wait(context, caller, firing)
            ),
            lambda firing: list_cursor.write_expected(scope, firing.expected),
            limit=limit,
            media_type=media_type,
            resume_at=resume_after and list_cursor.write_expected(scope, resume_after),
        )


@native.get("/upcoming/counts")
@needs(Scope.READ)
@takes()
def count_upcoming() -> Response:
    """Count the next firings of the account's jobs in each of the next 24 hours."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    load = service.count_upcoming(current_context(), caller)
    return responses.render("load", firing_load_document.render(load), media_type)
