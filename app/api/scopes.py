"""Scopes: which scope each route requires of the API key of a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from flask import current_app, request
from flask.typing import ResponseReturnValue

from app.api.browsers import SAFE_METHODS
from app.domain.account import CachedCaller, Caller
from app.domain.scope import Scope
from app.service.permissions import require_active, require_scope, require_whole_account

DRY_RUN: Final = "dryRun"
_NEED: Final = "needs_of_the_key"

_View = TypeVar("_View", bound=Callable[..., ResponseReturnValue])


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What a route requires of the API key."""

    scope: Scope
    of_app: bool
    """Whether the route serves the jobs of one Dapr app, so keys bound to an app may use it."""

    dry_run: Callable[[], bool] | None
    """Whether a request is a dry run, for which the scope `read` suffices."""


_BROADEST: Final = Need(scope=Scope.ADMIN, of_app=False, dry_run=None)
"""The need of a route that declares none, so that a forgotten declaration gives no access."""


def needs(
    scope: Scope, *, of_app: bool = False, dry_run: Callable[[], bool] | None = None
) -> Callable[[_View], _View]:
    """Declare what a view requires of the key, as every view that needs a key must."""

    def declare(view: _View) -> _View:
        view.__dict__[_NEED] = Need(scope=scope, of_app=of_app, dry_run=dry_run)
        return view

    return declare


def needs_no_key(view: _View) -> _View:
    """Declare that a view needs no key."""
    view.__dict__[_NEED] = None
    return view


def declared_need(endpoint: str) -> Need | None:
    """Return the need of the view of an endpoint, None if it needs no key. Raises KeyError."""
    need: Need | None = vars(current_app.view_functions[endpoint])[_NEED]
    return need


def check(caller: Caller | CachedCaller) -> None:
    """Refuse a request whose key lacks what its route requires. Raises InsufficientScope.

    Raises AccountSuspended for a request that may change data of a suspended account.
    """
    need = vars(current_app.view_functions[request.endpoint or ""]).get(_NEED) or _BROADEST
    if not need.of_app:
        require_whole_account(caller, need.scope)
    is_dry_run = need.dry_run is not None and need.dry_run()
    scope = Scope.READ if is_dry_run else need.scope
    require_scope(caller, scope)
    if scope is not Scope.READ and request.method not in SAFE_METHODS:
        require_active(caller)


def is_dry_run() -> bool:
    """Whether the query asks for a dry run."""
    return request.args.get(DRY_RUN) == "true"


def is_said_in_document() -> bool:
    """Admit the scope `read`, because only the document shows whether it is a dry run.

    The view must call `require_booking` if it is not a dry run.
    """
    return True
