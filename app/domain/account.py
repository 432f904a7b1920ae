"""Account: a tenant, its API keys, and the caller that a key identifies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from app.domain.scope import Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A tenant; `name` is unique and is what documents show as `account`."""

    id: int
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountDates:
    """When an account was created, and since when it is suspended: None if it is not."""

    created_at: datetime
    suspended_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """The caller of a request whose key was verified."""

    account: Account
    key_id: str
    now: datetime
    """The database's clock when the key was verified."""
    app: str | None = None
    """The Dapr app that the key is bound to."""
    scope: Scope = Scope.ADMIN
    suspended: bool = False
    """Whether the account was suspended at `now`."""

    @property
    def is_limited(self) -> bool:
        """Whether the key reaches the jobs of its app alone."""
        return _is_limited(self.app, self.scope)


class CachedCaller(NamedTuple):
    """The caller of a request whose key is in the key cache: the booking statement verifies it."""

    account: Account
    key_id: str
    digest: bytes
    """The SHA-256 of the key."""
    since: datetime
    """An earlier reading of the database's clock."""
    app: str | None = None
    """The Dapr app that the key is bound to."""
    scope: Scope = Scope.ADMIN

    @property
    def is_limited(self) -> bool:
        """Whether the key reaches the jobs of its app alone."""
        return _is_limited(self.app, self.scope)


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """What may be shown of a key after its creation: never its secret."""

    id: str
    label: str
    created_at: datetime
    revoked_at: datetime | None
    app: str | None = None
    scope: Scope = Scope.ADMIN
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    """The beginning of the hour in which the key was last used, in UTC."""
    created_by: str | None = None
    """The id of a key, or the e-mail address of a user; None for the operator."""
    expired: bool = False
    """Whether the key had expired when it was read."""

    @property
    def is_valid(self) -> bool:
        """Whether requests with this key were accepted when it was read."""
        return self.revoked_at is None and not self.expired


def _is_limited(app: str | None, scope: Scope) -> bool:
    """Return whether a key is limited; a key bound to an app before scopes existed is not."""
    return app is not None and scope is not Scope.ADMIN
