"""Invocations: requests for another app of the account, which a sidecar passes on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from flask import Blueprint, Response, request

from app.api import admission, bodies
from app.api.context import current_context
from app.api.dapr import addresses, failures
from app.api.idempotency import naturally_idempotent
from app.api.parameters import takes
from app.api.scopes import needs
from app.api.wsgi_bridge import ONWARD, WsgiResponse
from app.domain.account import Caller
from app.domain.dapr.invocation import METHODS, Callee, Invocation, passed_on
from app.domain.run import Reply
from app.domain.scope import Scope
from app.errors import MalformedDocument, NotFound, TooLarge
from app.service.dapr import apps as dapr_apps
from app.service.permissions import require_active

_JSON: Final = "application/json"
BUSY: Final = "too-many-calls"
"""The error of a Reply where the sidecar makes as many calls as it may."""

_TOO_MANY: Final = 429
_FIELD: Final = re.compile(r"[\t -~\x80-\xff]+")

Render = Callable[[Invocation, Reply], WsgiResponse]
"""Makes the answer to a request of the app's."""

invocation_routes: Final = Blueprint("dapr_invocations", __name__)
"""What a sidecar offers beside the routes of all: only there a request is passed on."""


@invocation_routes.route("/v1.0/invoke/<dapr_name:_invoked>", methods=METHODS)
@needs(Scope.BOOK, of_app=True)
@takes(ignoring=True, passing_on=True)
@naturally_idempotent
def invoke(_invoked: str) -> Response:
    """Pass a request on to an app of the account."""
    caller = admission.admit()
    app_id, target = addresses.invoked()
    callee = find_callee(caller, app_id, failures.not_invoked)
    invocation = Invocation(
        callee=callee,
        caller=caller.app or "",
        method=request.method,
        target=target,
        headers=sent_headers(),
        content_type=request.headers.get("Content-Type"),
        body=_body(),
    )
    return leave(invocation, _render)


def find_callee(
    caller: Caller, app_id: str, not_invoked: Callable[[str, str], Exception]
) -> Callee:
    """The app of that id. Raises AccountSuspended, and what `not_invoked` makes of id and why."""
    # Not even a GET is passed on: no call is made for a suspended account.
    require_active(caller)
    try:
        return dapr_apps.callee(current_context(), caller.account, app_id)
    except NotFound:
        raise not_invoked(app_id, f"couldn't find service: {app_id}") from None


def sent_headers() -> tuple[tuple[str, str], ...]:
    """The fields of the request that are for the app; over gRPC its metadata."""
    return passed_on(request.headers.items(), without=(addresses.TOKEN, dapr_apps.HEADER))


def leave(invocation: Invocation, render: Render) -> Response:
    """Leave the request to `pass_on`; its answer replaces this one."""
    onward: list[tuple[Invocation, Render]] = request.environ[ONWARD]
    onward.append((invocation, render))
    return Response(status=204)


async def pass_on(
    invoke: Callable[[Invocation], Future[Reply]], left: tuple[Invocation, Render]
) -> WsgiResponse:
    """The app's answer to the request that a route has left. No thread waits for it."""
    invocation, render = left
    return render(invocation, await asyncio.wrap_future(invoke(invocation)))


def content_type_of(reply: Reply) -> str | None:
    """The type of an answer's body."""
    return next((value for name, value in reply.headers if name.lower() == "content-type"), None)


def _render(invocation: Invocation, reply: Reply) -> WsgiResponse:
    """The app's status, content-type and body; or Dapr's error where there is no answer."""
    if reply.status is None:
        error = failures.not_invoked(invocation.callee.app_id, reply.error_detail or "")
        status = _TOO_MANY if reply.error == BUSY else error.failure.status
        return _answer(status, _JSON, failures.write(error))
    return _answer(reply.status, content_type_of(reply), reply.body)


def _answer(status: int, content_type: str | None, body: bytes) -> WsgiResponse:
    # That of an app that speaks gRPC is any text, also one that no field may have (RFC 9110, 5.5).
    is_field = content_type is not None and _FIELD.fullmatch(content_type)
    headers = [(b"content-type", (content_type or "").encode("latin-1"))] if is_field else []
    return WsgiResponse(status=status, headers=headers, start=body, rest=None)


def _body() -> bytes:
    try:
        return bodies.read(bodies.MAX_LONG)
    except TooLarge:
        raise failures.unread("stream too large") from None
    except MalformedDocument as refusal:
        raise failures.unread(refusal.message) from None
