"""Routes of Fusion runners: the services that do the jobs of each type, which Wakecall starts."""

from __future__ import annotations

from typing import Final

from flask import Response

from app.api import admission, negotiation
from app.api.context import current_context
from app.api.native.documents import endpoint as endpoint_document
from app.api.native.documents.endpoint import RUNNER
from app.api.native.routes import request_body, responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.endpoint import Endpoint
from app.domain.scope import Scope
from app.service.fusion import runners as service

_CREATED: Final = 201


@native.get("/fusion-runners")
@needs(Scope.READ)
@takes()
def list_runners() -> Response:
    """List the account's runners, by type."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    runners = service.list_runners(current_context(), caller.account)
    members = [endpoint_document.render(each, RUNNER) for each in runners]
    return responses.render("runners", members, media_type)


@native.get("/fusion-runners/<runner_type>")
@needs(Scope.READ)
@takes()
def get_runner(runner_type: str) -> Response:
    """Show the runner of one type."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    return _render(service.get(current_context(), caller.account, runner_type), media_type)


@native.put("/fusion-runners/<runner_type>")
@needs(Scope.ADMIN)
@takes()
def put_runner(runner_type: str) -> Response:
    """Create or replace the runner of one type: 201 or 200."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    document = endpoint_document.read(request_body.receive(), runner_type, RUNNER)
    runner, created = service.put(current_context(), caller.account, runner_type, url=document.url)
    if not created:
        return _render(runner, media_type)
    response = _render(runner, media_type, _CREATED)
    response.headers["Location"] = f"/1/fusion-runners/{runner.name}"
    return response


@native.delete("/fusion-runners/<runner_type>")
@needs(Scope.ADMIN)
@takes()
def delete_runner(runner_type: str) -> Response:
    """Delete a runner; jobs of its type fail until there is another."""
    service.delete(current_context(), admission.admit().account, runner_type)
    return Response(status=204)


def _render(runner: Endpoint, media_type: str, status: int = 200) -> Response:
    members = endpoint_document.render(runner, RUNNER)
    return responses.render(RUNNER.root, members, media_type, status)
