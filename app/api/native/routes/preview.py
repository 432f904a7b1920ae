"""Route that previews a schedule without booking it."""

from __future__ import annotations

from flask import Response

from app.api import admission, idempotency, negotiation, rate
from app.api.native.documents import preview as preview_document
from app.api.native.routes import request_body, responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.scope import Scope


@native.post("/preview")
@idempotency.naturally_idempotent
@needs(Scope.READ)
@takes()
def preview_schedule() -> Response:
    """List when a schedule would fire (an extension)."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    found, items = preview_document.read(request_body.receive(), now=caller.now)
    rate.count_items(caller.account.id, items)
    return responses.render(preview_document.ROOT, preview_document.render(found), media_type)
