"""Routes of Dapr apps: the services that an account's Dapr jobs call."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from app.api import admission, negotiation
from app.api.context import current_context
from app.api.native.documents import endpoint as endpoint_document
from app.api.native.documents.endpoint import APP
from app.api.native.routes import paging, request_body, responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.endpoint import Endpoint
from app.domain.scope import Scope
from app.service.dapr import apps as service

_CREATED: Final = 201


@native.get("/dapr-apps")
@needs(Scope.READ)
@takes(paging.LIMIT, paging.CURSOR)
def list_apps() -> Response:
    """List a page of the account's apps, by id."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    limit = paging.parse_limit() or paging.MAX_LIMIT
    apps = service.list_page(
        current_context(), caller.account, after=request.args.get(paging.CURSOR), limit=limit + 1
    )
    return responses.render_page(
        "apps",
        apps,
        lambda app: endpoint_document.render(app, APP),
        lambda app: app.name,
        limit=limit,
        media_type=media_type,
    )


@native.get("/dapr-apps/<app_id>")
@needs(Scope.READ)
@takes()
def get_app(app_id: str) -> Response:
    """Show an app."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    return _render(service.get(current_context(), caller.account, app_id), media_type)


@native.put("/dapr-apps/<app_id>")
@needs(Scope.ADMIN)
@takes()
def put_app(app_id: str) -> Response:
    """Create or replace an app: 201 or 200."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    document = endpoint_document.read(request_body.receive(), app_id, APP)
    app, created = service.put(
        current_context(),
        caller.account,
        app_id,
        url=document.url,
        token=document.token,
        keep_token=document.keeps_token,
        protocol=document.protocol,
    )
    return _render(app, media_type, _CREATED if created else 200)


@native.delete("/dapr-apps/<app_id>")
@needs(Scope.ADMIN)
@takes()
def delete_app(app_id: str) -> Response:
    """Delete an app, which must have no jobs."""
    service.delete(current_context(), admission.admit().account, app_id)
    return Response(status=204)


def _render(app: Endpoint, media_type: str, status: int = 200) -> Response:
    response = responses.render(APP.root, endpoint_document.render(app, APP), media_type, status)
    if status == _CREATED:
        response.headers["Location"] = f"/1/dapr-apps/{app.name}"
    return response
