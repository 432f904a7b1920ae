"""Account: a tenant, and who is calling in its name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain.scope import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A tenant; `name` is unique and is what documents show as `account`."""

    id: int
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """An authenticated request: the account, the key used, and the database's clock then.

    `app` is the Dapr app that the key is bound to.
    """

    account: Account
    key_id: str
    now: datetime
    app: str | None = None
    scope: Scope = Scope.ADMIN
    suspended: bool = False
    """Whether the account was suspended then."""

    @property
    def is_limited(self) -> bool:
        """Whether the key reaches the jobs of its app alone."""
        return _is_limited(self.app, self.scope)


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedCaller:
    """A request whose key is in the key cache, and is verified by the statement that acts.

    `digest` is that of the key; `since` is an earlier reading of the database's clock.
    """

    account: Account
    key_id: str
    digest: bytes
    since: datetime
    app: str | None = None
    scope: Scope = Scope.ADMIN

    @property
    def is_limited(self) -> bool:
        """Whether the key reaches the jobs of its app alone."""
        return _is_limited(self.app, self.scope)


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """What may be told of a key after it was shown once: never its secret."""

    id: str
    label: str
    created_at: datetime
    revoked_at: datetime | None
    app: str | None = None
    scope: Scope = Scope.ADMIN


def _is_limited(app: str | None, scope: Scope) -> bool:
    """A key that was bound to an app before there were scopes has `admin`, and keeps it."""
    return app is not None and scope is not Scope.ADMIN
