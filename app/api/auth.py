"""Authentication: the API key in a request, in any of the three ways of sending it."""

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
"""Where a dialect puts the key that it has a header of its own for, in the environment."""

BOUND: Final = "wakecall.bound"
"""Where a listener that asks for no key says whom it speaks for."""

MAX_CREDENTIALS: Final = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """An account, and the Dapr app of it, that whoever reaches a listener speaks for."""

    account: str
    app: str


Who_co = TypeVar("Who_co", bound=Caller | CachedCaller, covariant=True)


class Identify(Protocol[Who_co]):
    """How a use case finds out who calls with a key."""

    def __call__(self, context: Context, key: str, *, account: str | None) -> Who_co:
        """Raises Unauthenticated."""


def caller() -> Caller:
    """Who sends this request.

    Raises Unauthenticated, alike for every reason, and InvalidMember where two keys are sent.
    """
    bound: Bound | None = request.environ.get(BOUND)
    if bound is not None:
        return accounts.authenticate_listener(current_context(), bound.account, app=bound.app)
    return _sender(accounts.authenticate)


def cached_caller() -> Caller | CachedCaller:
    """As `caller`, from the key cache where possible, for use cases that verify the key themselves.

    Raises as `caller` does. Before any refusal is answered from here on, `verify` must be called.
    """
    found = _sender(accounts.authenticate_cached)
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
    """What is sent as a bearer token, be it a key or not; None where nothing is."""
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
    """User name and password of HTTP Basic (RFC 7617); None where there are none."""
    try:
        pair = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, _, password = pair.partition(":")
    return user, password


def _basic(identify: Identify[Who_co], credentials: str) -> Who_co:
    """RFC 7617: `account:key`, or the key as the user name with any password."""
    pair = basic_pair(credentials)
    if pair is None:
        raise accounts.unauthenticated()
    user, password = pair
    try:
        return identify(current_context(), password, account=user)
    except Unauthenticated:
        # What is no key has no valid checksum, so that this costs no second query.
        return identify(current_context(), user, account=None)


def _bounded(text: str) -> str:
    if len(text) > MAX_CREDENTIALS:
        raise accounts.unauthenticated()
    return text.strip(" \t")
