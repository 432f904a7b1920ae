"""Permissions: what the caller of a use case may do, by the key that the request came with."""

from __future__ import annotations

from app.domain.account import CachedCaller, Caller
from app.domain.checks import quoted
from app.domain.scope import Scope
from app.errors import AccountSuspended, InsufficientScope

Asking = Caller | CachedCaller


def require_scope(asking: Asking, scope: Scope) -> None:
    """Refuse a key of a lesser scope than this. Raises InsufficientScope."""
    if not asking.scope.covers(scope):
        raise InsufficientScope(
            f"The API key has the scope {asking.scope}, and this request needs {scope}.",
            remedy=f"Use a key of that scope: flask --app wsgi key create {asking.account.name} "
            f"--scope {scope}",
        )


def require_whole_account(asking: Asking, scope: Scope) -> None:
    """Refuse a key that reaches the jobs of one Dapr app alone. Raises InsufficientScope.

    `scope` is what the request needs besides.
    """
    if asking.is_limited:
        raise InsufficientScope(
            f"The API key is bound to the Dapr app {quoted(asking.app or '')}: it reaches the jobs "
            "of that app alone, at /v1.0/jobs/<name>.",
            remedy="Use a key that is bound to no app: flask --app wsgi key create "
            f"{asking.account.name} --scope {scope}",
        )


def require_active(asking: Asking) -> None:
    """Refuse a change of a suspended account. Raises AccountSuspended.

    Whether the account of a cached caller is suspended is not known here: the statement that
    stores the job asks.
    """
    if isinstance(asking, Caller) and asking.suspended:
        raise AccountSuspended(
            f"The account {quoted(asking.account.name)} is suspended: no call is made for it, and "
            "nothing of it can be changed. All that it has is kept, and can be read.",
            remedy="Ask the operator of this service to resume it.",
        )


def require_booking(asking: Asking) -> None:
    """Refuse a key that may not book jobs of the account's own, and any of a suspended account.

    Raises InsufficientScope, AccountSuspended.
    """
    require_whole_account(asking, Scope.BOOK)
    require_scope(asking, Scope.BOOK)
    require_active(asking)
