"""Permissions: checks what the caller of a use case may do with its API key."""

from __future__ import annotations

from app.domain.account import CachedCaller, Caller
from app.domain.checks import quoted
from app.domain.scope import Scope
from app.errors import AccountSuspended, InsufficientScope

Asking = Caller | CachedCaller


def require_scope(asking: Asking, scope: Scope) -> None:
    """Raise InsufficientScope for a key whose scope does not cover `scope`."""
    if not asking.scope.covers(scope):
        raise InsufficientScope(
            f"The API key has the scope {asking.scope}, but this request needs {scope}.",
            remedy=f"Use a key with that scope: flask --app wsgi key create {asking.account.name} "
            f"--scope {scope}",
        )


def require_whole_account(asking: Asking, scope: Scope) -> None:
    """Raise InsufficientScope for a key that is bound to a Dapr app.

    `scope` is the scope that the request needs, which the remedy names.
    """
    if asking.is_limited:
        raise InsufficientScope(
            f"The API key is bound to the Dapr app {quoted(asking.app or '')}: it has access "
            "only to the jobs of that app, at /v1.0/jobs/<name>.",
            remedy="Use a key that is not bound to an app: flask --app wsgi key create "
            f"{asking.account.name} --scope {scope}",
        )


def require_active(asking: Asking) -> None:
    """Raise AccountSuspended if the account is suspended.

    For a cached caller this is not known here: the statement that stores the job checks it.
    """
    if isinstance(asking, Caller) and asking.suspended:
        raise AccountSuspended(
            f"The account {quoted(asking.account.name)} is suspended: none of its calls is "
            "made. Its data is kept and can be read, but not changed.",
            remedy="Ask the operator of this service to resume the account.",
        )


def require_booking(asking: Asking) -> None:
    """Check that a key may book jobs for the whole account, and that the account is active.

    Raises InsufficientScope, AccountSuspended.
    """
    require_whole_account(asking, Scope.BOOK)
    require_scope(asking, Scope.BOOK)
    require_active(asking)
