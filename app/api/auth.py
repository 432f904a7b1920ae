"""Authentication: reads the API key of a request, in any of the three ways of sending it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from flask import g, request

from app.api import scopes
from app.api.context import current_context
from app.domain.account import CachedCaller, Caller
from app.errors import InvalidMember, Unauthenticated
from app.service import accounts
from app.service.context import Context

TOKEN: Final = "wakecall.token"  # noqa: S105 - a name
"""The name in the WSGI environment under which a dialect stores a key from its own header."""

BOUND: Final = "wakecall.bound"
"""The name in the WSGI environment under which a listener that needs no key stores its Bound."""

MAX_CREDENTIALS: Final = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """The account and the Dapr app that all requests to a listener act for."""

    account: str
    app: str


Who_co = TypeVar("Who_co", bound=Caller | CachedCaller, covariant=True)


class Identify(Protocol[Who_co]):
    """The function of a use case that returns the caller of a key."""

    def __call__(self, context: Context, key: str, *, account: str | None) -> Who_co:
        """Raises Unauthenticated."""


def caller() -> Caller:
    """Return the caller of this request.

    Raises Unauthenticated, with the same message for every reason, and InvalidMember if two keys
    are sent.
    """
    bound: Bound | None = request.environ.get(BOUND)
    if bound is not None:
        return accounts.authenticate_listener(current_context(), bound.account, app=bound.app)
    return _sender(accounts.authenticate)


def cached_caller() -> Caller | CachedCaller:
    """As `caller`, from the key cache where possible, for use cases that verify the key themselves.

    Raises as `caller` does. After this, `verify` must be called before any refusal is sent.
    """
    bound: Bound | None = request.environ.get(BOUND)
    found = (
        _sender(accounts.authenticate_cached)
        if bound is None
        else accounts.listener_cached(current_context(), bound.account, app=bound.app)
    )
    if isinstance(found, CachedCaller):
        g.cached_caller = found
    return found


def verify() -> None:
    """Authenticate the cached caller of this request, if it has one; raises Unauthenticated.

    Also checks the route's scope again, as the account may be suspended by now.
    """
    found: CachedCaller | None = g.pop("cached_caller", None)
    if found is not None:
        scopes.check(accounts.verify(current_context(), found))


def bearer() -> str | None:
    """Return the bearer token of the request, which may not be an API key; None without one."""
    scheme, _, credentials = request.headers.get("Authorization", "").strip(" \t").partition(" ")
    if scheme.lower() != "bearer" or len(credentials) > MAX_CREDENTIALS:
        return None
    return credentials.strip(" ")


def _sender(identify: Identify[Who_co]) -> Who_co:
    token: str | None = request.environ.get(TOKEN)
    if token is not None:
        return identify(current_context(), _bounded(token), account=None)
    authorization = request.headers.get("Authorization")
    api_key = request.headers.get("X-API-Key")
    if authorization is not None and api_key is not None:
        raise InvalidMember(
            "X-API-Key",
            "The request has both X-API-Key and Authorization.",
            remedy="Send the API key in only one of the two headers.",
        )
    if api_key is not None:
        return identify(current_context(), _bounded(api_key), account=None)
    scheme, _, credentials = _bounded(authorization or "").partition(" ")
    match scheme.lower():
        case "bearer":
            return identify(current_context(), credentials.strip(" "), account=None)
        case "basic":
            return _basic(identify, credentials.strip(" "))
    raise accounts.unauthenticated()


def basic_pair(credentials: str) -> tuple[str, str] | None:
    """Return user name and password of HTTP Basic (RFC 7617); None if they cannot be decoded."""
    try:
        pair = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, _, password = pair.partition(":")
    return user, password


def _basic(identify: Identify[Who_co], credentials: str) -> Who_co:
    """Read `account:key`, or the key as the user name with any password (RFC 7617)."""
    pair = basic_pair(credentials)
    if pair is None:
        raise accounts.unauthenticated()
    user, password = pair
    try:
        return identify(current_context(), password, account=user)
    except Unauthenticated:
        # A text that is not a key has no valid checksum, so this makes no second query.
        return identify(current_context(), user, account=None)


def _bounded(text: str) -> str:
    if len(text) > MAX_CREDENTIALS:
        raise accounts.unauthenticated()
    return text.strip(" \t")
