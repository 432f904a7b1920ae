"""Route of the audit log: which changes were made to the account, by whom and from where."""

from __future__ import annotations

from flask import Response, request

from app.api import admission, negotiation
from app.api.context import current_context
from app.api.native.documents import audit as audit_document
from app.api.native.routes import paging, responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.scope import Scope
from app.service import audit as service


@native.get("/audit")
@needs(Scope.ADMIN)
@takes(*audit_document.PARAMETERS, paging.LIMIT)
def list_audit() -> Response:
    """List a page of the records that the query selects, newest first."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    wanted, below = audit_document.parse(request.args)
    limit = paging.parse_limit() or paging.DEFAULT_LIMIT
    entries = service.list_page(
        current_context(), caller.account, wanted, below=below, limit=limit + 1
    )
    return responses.render_page(
        "audit",
        entries,
        audit_document.render,
        lambda entry: str(entry.id),
        limit=limit,
        media_type=media_type,
    )
