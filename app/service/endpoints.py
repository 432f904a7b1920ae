"""Endpoints: the Dapr apps and Fusion runners of an account, to which its jobs are sent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Connection

from app.domain.account import Account
from app.domain.audit import Action
from app.domain.call_options import check_value
from app.domain.checks import quoted
from app.domain.endpoint import MAX_NAME, MAX_TOKEN, AppProtocol, Endpoint
from app.domain.job import Dialect
from app.domain.limits import Limit
from app.domain.target import judge_url
from app.errors import Conflict, InvalidMember, NotFound
from app.service import audit, limits
from app.service.context import Context
from app.service.permissions import require_owner
from app.store import accounts as account_store
from app.store import endpoints as store

_MAX_COUNTED: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointKind:
    """What the endpoints of one dialect are."""

    noun: str
    """What messages call an endpoint: "Dapr app"."""
    limit: Limit | None = None
    """The limit on their number; None if names bound it."""


_KINDS: Final[dict[Dialect, EndpointKind]] = {}


def register(dialect: Dialect, kind: EndpointKind) -> None:
    """Register what the endpoints of a dialect are, and count them for their limit."""
    _KINDS[dialect] = kind
    if kind.limit is not None:
        limits.register_count(kind.limit, partial(store.count, dialect=dialect))


def put(  # noqa: PLR0913 - what an endpoint has
    context: Context,
    account: Account,
    dialect: Dialect,
    name: str,
    *,
    url: str,
    token: str | None,
    keep_token: bool = False,
    protocol: AppProtocol = AppProtocol.HTTP,
    by: int | None = None,
) -> tuple[Endpoint, bool]:
    """Create or replace an endpoint; return it, and whether it was created.

    Existing jobs use the new URL and protocol from their next call on. With `keep_token` the stored
    token is kept. `by` is the owner who does it on the console. Raises InvalidMember, LimitReached,
    InsufficientRole.
    """
    if not _is_name(name):
        raise InvalidMember(
            "id",
            "The name is empty, is too long, contains unprintable characters, or begins or ends "
            "with a space.",
            remedy=f"Use 1 to {MAX_NAME} printable characters, without a space at either end.",
        )
    judge(context, url)
    if "?" in url or "#" in url:
        raise InvalidMember(
            "url",
            "The URL must not have a query or a fragment, because paths are appended to it.",
            remedy="Use a URL that has a scheme, a host and, if needed, a port and a path.",
        )
    sealed: bytes | None = None
    if token is not None:
        check_value("token", token, MAX_TOKEN)
        sealed = context.secret_box.seal(token)
    with context.database.transaction() as connection:
        account_store.lock(connection, account.id)
        require_owner(connection, account, by)
        if keep_token:
            sealed = _kept_token(store.find(connection, account.id, dialect, name), url)
        used = store.count(connection, account.id, dialect)
        created = store.put(
            connection,
            account.id,
            dialect,
            name,
            url=url,
            sealed_token=sealed,
            protocol=protocol,
        )
        limit = _KINDS[dialect].limit
        if created and limit is not None:
            limits.refuse_more(context, account, limit, used)
        audit.record(connection, account.id, Action.PUT_ENDPOINT, name, _KINDS[dialect].noun)
    endpoint = Endpoint(name=name, url=url, has_token=sealed is not None, protocol=protocol)
    return endpoint, created


def has_any(context: Context, account_id: int) -> bool:
    """Return whether an account has an endpoint of any dialect."""
    with context.database.statement() as connection:
        return store.has_any(connection, account_id)


def judge(context: Context, url: str) -> None:
    """Raise InvalidMember for a URL that the settings do not allow as a target."""
    settings = context.settings
    judge_url(url, allow=settings.allow_targets, deny=settings.deny_targets)


def get(context: Context, account: Account, dialect: Dialect, name: str) -> Endpoint:
    """Return the endpoint with this name. Raises NotFound."""
    return _endpoint(find_stored(context, account, dialect, name))


def find_stored(context: Context, account: Account, dialect: Dialect, name: str) -> store.Stored:
    """Return the endpoint with this name as it is stored, its token sealed. Raises NotFound."""
    _check_possible(dialect, name)
    with context.database.transaction() as connection:
        found = store.find(connection, account.id, dialect, name)
    if found is None:
        raise _unknown(dialect, name)
    return found


def list_endpoints(
    context: Context,
    account: Account,
    dialect: Dialect,
    *,
    after: str = "",
    limit: int | None = None,
) -> tuple[Endpoint, ...]:
    """Return up to `limit` endpoints of a dialect, sorted by name, from after the name `after`."""
    with context.database.transaction() as connection:
        found = store.list_page(connection, account.id, dialect, after=after, limit=limit)
    return tuple(map(_endpoint, found))


def delete(
    context: Context,
    account: Account,
    dialect: Dialect,
    name: str,
    *,
    unused: bool = False,
    by: int | None = None,
) -> None:
    """Delete an endpoint. With `unused`, raise Conflict if any job is sent to it.

    `by` is the owner who does it on the console. Raises NotFound, InsufficientRole.
    """
    _check_possible(dialect, name)
    with context.database.transaction() as connection:
        account_store.lock(connection, account.id)
        require_owner(connection, account, by)
        if unused:
            _check_unused(connection, account, dialect, name)
        if not store.remove(connection, account.id, dialect, name):
            raise _unknown(dialect, name)
        audit.record(connection, account.id, Action.DELETE_ENDPOINT, name, _KINDS[dialect].noun)


def _kept_token(stored: store.Stored | None, url: str) -> bytes:
    """Return the sealed token that an endpoint keeps; raises InvalidMember.

    No response shows a token. So a token is not kept for a URL on another server, where the client
    that changed the URL could read the token.
    """
    if stored is None or stored.sealed_token is None:
        raise InvalidMember(
            "hasToken",
            "hasToken is true, but no token is stored for this endpoint.",
            remedy="Send `token`, or omit `hasToken`.",
        )
    if _origin(stored.url) != _origin(url):
        raise InvalidMember(
            "token",
            "The stored token is kept only if the scheme, host and port of the URL stay the same.",
            remedy="Send `token` again, or omit `hasToken` so that calls carry no token.",
        )
    return stored.sealed_token


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _is_name(text: str) -> bool:
    """Whether an endpoint can have this name; PostgreSQL rejects queries with some other texts."""
    return 1 <= len(text) <= MAX_NAME and text.isprintable() and text == text.strip()


def _check_possible(dialect: Dialect, name: str) -> None:
    """Raise NotFound for a name that no endpoint can have."""
    if not _is_name(name):
        raise _unknown(dialect, name)


def _check_unused(connection: Connection, account: Account, dialect: Dialect, name: str) -> None:
    jobs = store.jobs_at(connection, account.id, dialect, name, most=_MAX_COUNTED)
    if jobs:
        number = f"{jobs} or more jobs use" if jobs == _MAX_COUNTED else f"{jobs} job(s) use"
        raise Conflict(
            f"{number} the {_KINDS[dialect].noun} {name!r}.",
            member="id",
            remedy="Delete these jobs first, or PUT another URL.",
        )


def _endpoint(stored: store.Stored) -> Endpoint:
    return Endpoint(
        name=stored.name,
        url=stored.url,
        has_token=stored.sealed_token is not None,
        protocol=stored.protocol,
    )


def _unknown(dialect: Dialect, name: str) -> NotFound:
    return NotFound(
        f"There is no {_KINDS[dialect].noun} {quoted(name)}.",
        member="id",
        remedy="PUT to this path configures one. Names are compared exactly, including case.",
    )
