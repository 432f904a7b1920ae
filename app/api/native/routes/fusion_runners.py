"""Routes of Fusion runners: where the jobs of each type are done, which Wakecall only starts."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from app.api import admission, negotiation
from app.api.native.documents import endpoint as endpoint_document
from app.api.native.routes import responses
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.endpoint import Endpoint
from app.domain.scope import Scope
from app.service.fusion import runners as service

_CREATED: Final = 201

runners: Final = Blueprint("fusion_runners", __name__, url_prefix="/1")


@runners.get("/fusion-runners")
@needs(Scope.READ)
@takes()
def list_runners() -> Response:
    """The account's runners, by type."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    found = service.list_runners(caller.account)
    shown = [endpoint_document.shown(each, endpoint_document.RUNNER) for each in found]
    return responses.listed("runners", shown, media_type)


@runners.get("/fusion-runners/<runner_type>")
@needs(Scope.READ)
@takes()
def get_runner(runner_type: str) -> Response:
    """The runner of one type."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    return _shown(service.get(caller.account, runner_type), media_type)


@runners.put("/fusion-runners/<runner_type>")
@needs(Scope.ADMIN)
@takes()
def put_runner(runner_type: str) -> Response:
    """A runner as the document has it: 201 for a new one, else 200."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    sent = endpoint_document.read(runner_type, endpoint_document.RUNNER)
    found, created = service.put(caller.account, runner_type, url=sent.url)
    if not created:
        return _shown(found, media_type)
    answer = _shown(found, media_type, _CREATED)
    answer.headers["Location"] = f"/1/fusion-runners/{found.name}"
    return answer


@runners.delete("/fusion-runners/<runner_type>")
@needs(Scope.ADMIN)
@takes()
def delete_runner(runner_type: str) -> Response:
    """A runner forgotten; jobs of its type fail until there is another."""
    service.delete(admission.admit().account, runner_type)
    return Response(status=204)


def _shown(found: Endpoint, media_type: str, status: int = 200) -> Response:
    shape = endpoint_document.RUNNER
    return responses.listed(shape.root, endpoint_document.shown(found, shape), media_type, status)
