"""Account: its limits, keys, secrets and endpoints, and what holds its calls back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from wakecall.models._reading import Model, on_the_wire

Scope = Literal["read", "book", "admin"]
Protocol = Literal["http", "grpc"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit(Model):
    """A limit of the account."""

    limit: int | None = None
    """None if the limit is off."""

    used: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnKey(Model):
    """The key of a request."""

    id: str
    scope: Scope


@dataclass(frozen=True, kw_only=True, slots=True)
class Account(Model):
    """The account of the key."""

    name: Annotated[str, on_the_wire("account")]
    created: datetime
    suspended: datetime | None = None
    key: OwnKey | None = None
    """The key of the request; None from an older service."""

    limits: Mapping[str, Limit] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret(Model):
    """A signing secret."""

    value: str = field(repr=False)
    created: datetime
    expires: datetime | None = None
    """None for the newest secret."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey(Model):
    """An API key."""

    id: str
    value: str | None = field(default=None, repr=False)
    """The key itself: only in the answer that creates it."""

    label: str = ""
    scope: Scope
    dapr_app: str | None = None
    created: datetime
    created_by: str | None = None
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class App(Model):
    """A Dapr app: where the calls of the account's Dapr jobs go."""

    id: str
    url: str
    protocol: Protocol = "http"
    has_token: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Runner(Model):
    """A Fusion runner: does the work of the account's Fusion jobs of its type."""

    type: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry(Model):
    """A change to the account, and who made it."""

    at: datetime
    action: str
    object: str
    detail: str | None = None
    by: Literal["key", "user", "operator"]
    key: str | None = None
    user: str | None = None
    address: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination(Model):
    """A destination for which calls wait although they are due."""

    destination: str
    waiting: int = 0
    oldest_due: datetime | None = None
    reason: str | None = None
    state: str | None = None
    under_way: int | None = None
    next_call: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Destinations(Model):
    """The destinations for which calls of the account wait, those with the most calls first."""

    destinations: tuple[Destination, ...] = ()
    more: bool = False
