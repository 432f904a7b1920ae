"""Invocations: requests for another app of the account, which a sidecar passes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from flask import Blueprint, Response, request

from app.api import admission, bodies
from app.api.asgi import ONWARD
from app.api.context import current_context
from app.api.dapr import addresses, failures
from app.api.idempotency import naturally_idempotent
from app.api.parameters import takes
from app.api.scopes import needs
from app.api.wsgi_bridge import WsgiResponse
from app.domain.dapr.invocation import METHODS, Invocation, passed_on
from app.domain.run import Reply
from app.domain.scope import Scope
from app.errors import MalformedDocument, NotFound, TooLarge
from app.service.dapr import apps as dapr_apps
from app.service.permissions import require_active

_JSON: Final = "application/json"
_BUSY: Final = "too-many-calls"
_TOO_MANY: Final = 429

invocation_routes: Final = Blueprint("dapr_invocations", __name__)
"""What a sidecar offers beside the routes of all: only there a request is passed on."""


@invocation_routes.route("/v1.0/invoke/<dapr_name:_invoked>", methods=METHODS)
@needs(Scope.BOOK, of_app=True)
@takes(ignoring=True, passing_on=True)
@naturally_idempotent
def invoke(_invoked: str) -> Response:
    """Pass a request on to an app of the account; its answer replaces this one."""
    onward: list[Invocation] = request.environ[ONWARD]
    caller = admission.admit()
    # Not even a GET is passed on: no call is made for a suspended account.
    require_active(caller)
    app_id, target = addresses.invoked()
    try:
        callee = dapr_apps.callee(current_context(), caller.account, app_id)
    except NotFound:
        raise failures.not_invoked(app_id, f"couldn't find service: {app_id}") from None
    onward.append(
        Invocation(
            callee=callee,
            method=request.method,
            target=target,
            headers=passed_on(request.headers.items(), without=(addresses.TOKEN, dapr_apps.HEADER)),
            content_type=request.headers.get("Content-Type"),
            body=_body(),
        )
    )
    # Replaced by the answer of the app, for which no thread waits.
    return Response(status=204)


async def pass_on(
    invoke: Callable[[Invocation], Future[Reply]], invocation: Invocation
) -> WsgiResponse:
    """The app's answer: its status, content-type and body; or Dapr's error where there is none."""
    reply = await asyncio.wrap_future(invoke(invocation))
    if reply.status is None:
        error = failures.not_invoked(invocation.callee.app_id, reply.error_detail or "")
        status = _TOO_MANY if reply.error == _BUSY else error.failure.status
        return _answer(status, _JSON, failures.write(error))
    types = [value for name, value in reply.headers if name.lower() == "content-type"]
    return _answer(reply.status, types[0] if types else None, reply.body)


def _answer(status: int, content_type: str | None, body: bytes) -> WsgiResponse:
    headers = [] if content_type is None else [(b"content-type", content_type.encode("latin-1"))]
    return WsgiResponse(status=status, headers=headers, start=body, rest=None)


def _body() -> bytes:
    try:
        return bodies.read(bodies.MAX_LONG)
    except TooLarge:
        raise failures.unread("stream too large") from None
    except MalformedDocument as refusal:
        raise failures.unread(refusal.message) from None
