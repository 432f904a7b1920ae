"""Routes of API keys: a key with the scope admin manages those of its account."""

from __future__ import annotations

from flask import Response, request

from app.api import admission, negotiation
from app.api.context import current_context
from app.api.native.documents import key as key_document
from app.api.native.routes import paging, request_body, responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.scope import Scope
from app.service import keys as service


@native.get("/keys")
@needs(Scope.ADMIN)
@takes(paging.LIMIT, paging.CURSOR)
def list_keys() -> Response:
    """List a page of the account's keys, oldest first; none of their texts."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    limit = paging.parse_limit() or paging.MAX_LIMIT
    keys = service.list_page(
        current_context(), caller.account, after=request.args.get(paging.CURSOR), limit=limit + 1
    )
    return responses.render_page(
        "keys",
        keys,
        key_document.render,
        lambda key: key.id,
        limit=limit,
        media_type=media_type,
    )


@native.post("/keys")
@needs(Scope.ADMIN)
@takes()
def create_key() -> Response:
    """Create a key, and show its text, which is shown only here."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.WITH_TEXT)
    wanted = key_document.read(request_body.receive())
    key, text = service.create_with_key(current_context(), caller, wanted)
    if media_type == negotiation.TEXT:
        response = Response(text, 201, content_type=responses.CONTENT_TYPES[media_type])
    else:
        response = responses.render("key", key_document.render(key, text), media_type, 201)
    response.headers["Location"] = f"/1/keys/{key.id}"
    return responses.forbid_caching(response)


@native.get("/keys/<key_id>")
@needs(Scope.ADMIN)
@takes()
def get_key(key_id: str) -> Response:
    """Show a key without its text."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    key = service.get(current_context(), caller.account, key_id)
    return responses.render("key", key_document.render(key), media_type)


@native.delete("/keys/<key_id>")
@needs(Scope.ADMIN)
@takes()
def revoke_key(key_id: str) -> Response:
    """Revoke a key at once."""
    service.revoke_with_key(current_context(), admission.admit().account, key_id)
    return Response(status=204)
