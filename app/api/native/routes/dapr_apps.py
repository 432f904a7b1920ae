"""Routes of Dapr apps: where the calls of an account's Dapr jobs go to."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from app.api import admission, negotiation
from app.api.native.documents import endpoint as endpoint_document
from app.api.native.routes import paging, responses
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.endpoint import Endpoint
from app.domain.scope import Scope
from app.service.dapr import apps as service

apps: Final = Blueprint("dapr_apps", __name__, url_prefix="/1")


@apps.get("/dapr-apps")
@needs(Scope.READ)
@takes(paging.LIMIT, paging.CURSOR)
def list_apps() -> Response:
    """The account's apps, by id, in pages."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    limit = paging.limit() or paging.MAX_LIMIT
    found = service.page(caller.account, after=request.args.get(paging.CURSOR), limit=limit + 1)
    return responses.page(
        "apps",
        found,
        lambda each: endpoint_document.shown(each, endpoint_document.APP),
        lambda each: each.name,
        limit=limit,
        media_type=media_type,
    )


@apps.get("/dapr-apps/<app_id>")
@needs(Scope.READ)
@takes()
def get_app(app_id: str) -> Response:
    """One app."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    return _shown(service.get(caller.account, app_id), media_type)


@apps.put("/dapr-apps/<app_id>")
@needs(Scope.ADMIN)
@takes()
def put_app(app_id: str) -> Response:
    """An app as the document has it: 201 for a new one, else 200."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    sent = endpoint_document.read(app_id, endpoint_document.APP)
    found, created = service.put(
        caller.account, app_id, url=sent.url, token=sent.token, keep_token=sent.keeps_token
    )
    return _shown(found, media_type, 201 if created else 200)


@apps.delete("/dapr-apps/<app_id>")
@needs(Scope.ADMIN)
@takes()
def delete_app(app_id: str) -> Response:
    """An app forgotten that has no jobs."""
    service.delete(admission.admit().account, app_id)
    return Response(status=204)


def _shown(found: Endpoint, media_type: str, status: int = 200) -> Response:
    shape = endpoint_document.APP
    answer = responses.listed(shape.root, endpoint_document.shown(found, shape), media_type, status)
    if status == 201:  # noqa: PLR2004 - RFC 9110, 15.3.2
        answer.headers["Location"] = f"/1/dapr-apps/{found.name}"
    return answer
