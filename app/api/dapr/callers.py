"""Callers: who sends a request, and about which app; the same over HTTP and gRPC."""

from __future__ import annotations

from collections.abc import Callable

from flask import request

from app.api import admission, scopes
from app.api.auth import BOUND
from app.api.context import current_context
from app.api.dapr import failures
from app.domain.account import CachedCaller, Caller
from app.errors import InvalidMember
from app.service import accounts
from app.service.dapr import apps

NoApp = Callable[[str], Exception]
"""Makes the error for a request without an app, from what is wrong and the remedy."""


def sender(no_app: NoApp) -> tuple[Caller, str]:
    """The caller and its app. Raises as `admission.admit` does, and what `no_app` makes."""
    return _with_app(admission.admit(), no_app)


def cached_sender(no_app: NoApp) -> tuple[Caller | CachedCaller, str]:
    """As `sender`, without a query if possible: the use case must verify a CachedCaller and app.

    The use case then raises InvalidMember for an app that does not exist (`without_app`).
    """
    caller = admission.admit_cached()
    if isinstance(caller, Caller):
        return _with_app(caller, no_app)
    app_id = apps.named_app(caller, _named())
    if app_id is not None:
        failures.remember_app(app_id)
        return caller, app_id
    verified = accounts.verify(current_context(), caller)
    scopes.check(verified)
    return _with_app(verified, no_app)


def without_app(refusal: InvalidMember, no_app: NoApp) -> Exception:
    """The error for a request whose app does not exist."""
    return no_app(f"{refusal.message} {refusal.remedy}")


def _with_app(caller: Caller, no_app: NoApp) -> tuple[Caller, str]:
    try:
        app_id = apps.find_app(current_context(), caller, _named())
    except InvalidMember as refusal:
        raise without_app(refusal, no_app) from None
    failures.remember_app(app_id)
    return caller, app_id


def _named() -> str | None:
    """The app that the request names; a sidecar ignores the header, as Dapr's does."""
    return None if BOUND in request.environ else request.headers.get(apps.HEADER) or None
