"""Idempotency: handles `Idempotency-Key` on every POST of every dialect, around the routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue

from app.api import admission, bodies, dialects, scopes
from app.api.context import current_context
from app.domain import idempotency as domain
from app.domain.account import Caller
from app.service import idempotency as service
from app.service.idempotency import KeptResponse

REPLAYED: Final = "Idempotency-Replayed"

_NATURALLY_IDEMPOTENT: Final = "naturally_idempotent"
_FIELD: Final = "HTTP_IDEMPOTENCY_KEY"
# Headers of one transmission of a response, which are not stored with the response.
_OF_THE_SENDING: Final = frozenset({"content-length", "date", "set-cookie"})


_Route = TypeVar("_Route", bound=Callable[..., ResponseReturnValue])


def naturally_idempotent(route: _Route) -> _Route:
    """Mark a route whose repeated requests have the same effect: it ignores the key.

    The key is ignored for a dry run too, because a dry run stores nothing and is made again.
    """
    route.__dict__[_NATURALLY_IDEMPOTENT] = True
    return route


def is_naturally_idempotent(route: object) -> bool:
    """Whether the route is marked as one that ignores the key."""
    return _NATURALLY_IDEMPOTENT in vars(route)


class Application(Flask):
    """Flask, which answers a repeated POST that has a key with the response to the first one."""

    def dispatch_request(self) -> ResponseReturnValue:
        """Return the response of the request's route, or the one stored under its key."""
        keyed = _FIELD in request.environ and request.method == "POST"
        if not keyed or request.routing_exception is not None or self._is_naturally_idempotent():
            return super().dispatch_request()
        return _once(lambda: self._kept_response(super(Application, self).dispatch_request))

    def _is_naturally_idempotent(self) -> bool:
        endpoint = request.endpoint or ""
        if is_naturally_idempotent(self.view_functions[endpoint]):
            return True
        need = scopes.declared_need(endpoint)
        return need is not None and need.dry_run is scopes.is_dry_run and scopes.is_dry_run()

    def _kept_response(self, dispatch: Callable[[], ResponseReturnValue]) -> KeptResponse:
        """Return the route's response; an exception becomes the response that reports it."""
        try:
            given = dispatch()
        except Exception as error:  # noqa: BLE001 - as Flask itself handles a view's errors
            given = self.handle_user_exception(error)
        answer = self.make_response(given)
        return KeptResponse(
            status=answer.status_code,
            headers=tuple(
                (name, value)
                for name, value in answer.headers
                if name.lower() not in _OF_THE_SENDING
            ),
            body=answer.get_data(),
            secret=answer.cache_control.no_store,
        )


def _once(perform: Callable[[], KeptResponse]) -> Response:
    caller = admission.admit()
    key = domain.read_key(request.environ[_FIELD])
    if bodies.FAILURE in request.environ:
        return _without_a_body(perform)

    def perform_to_be_kept() -> KeptResponse:
        g.answer_is_kept = True
        try:
            return perform()
        finally:
            g.pop("answer_is_kept")

    fingerprint = _fingerprint(bodies.keep(), caller)
    return _response(
        service.perform_once(current_context(), caller, key, fingerprint, perform_to_be_kept)
    )


def _without_a_body(perform: Callable[[], KeptResponse]) -> Response:
    """Let the route report the failure of the body, and undo whatever else the route does."""
    answer = service.perform_and_roll_back(current_context(), perform)
    if answer.status < 400:  # noqa: PLR2004 - RFC 9110, 15.5
        bodies.read(bodies.max_size(request.environ))
    return _response(answer)


def _fingerprint(body: bytes, caller: Caller) -> bytes:
    """Return a digest of what identifies the request: its URL and what becomes part of a job."""
    environ = request.environ
    target = environ.get("REQUEST_URI") or f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING')}"
    fields = (environ.get(name, "") for name in ("CONTENT_TYPE", "HTTP_X_CONTENT_SIGNATURE"))
    # The app that the request is for. Without an app, the fingerprint is that of earlier releases.
    apps = [
        app for app in (*dialects.in_environ(environ, dialects.app_headers()), caller.app) if app
    ]
    return domain.fingerprint((*(text.encode() for text in (target, *fields, *apps)), body))


def _response(answer: KeptResponse) -> Response:
    response = Response(answer.body, answer.status, list(answer.headers))
    if answer.replayed:
        response.headers[REPLAYED] = "true"
    return response
