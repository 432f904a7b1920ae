"""Permissions: checks what the caller of a use case may do with its API key, or a user by role."""

from __future__ import annotations

from sqlalchemy import Connection

from app.domain.account import Account, CachedCaller, Caller
from app.domain.checks import quoted
from app.domain.role import Role
from app.domain.scope import Scope
from app.errors import AccountSuspended, InsufficientRole, InsufficientScope
from app.store import users

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


def require_owner(connection: Connection, account: Account, user_id: int | None) -> None:
    """Raise InsufficientRole unless this user is an owner now; None stands for the operator.

    Under the account's lock: what an owner makes is undone when the owner is removed, and must not
    be made after that by a request that was under way.
    """
    if user_id is not None and users.role_of(connection, user_id, account.id) is not Role.OWNER:
        raise InsufficientRole(
            f"You are not an owner of {account.name} any more.",
            remedy="Ask an owner of the account to do it, or to give you that role.",
        )
