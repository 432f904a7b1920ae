"""Authentication: the API key in a request, in any of the three ways of sending it."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from flask import request

from app.domain.account import Caller
from app.errors import InvalidMember, Unauthenticated
from app.service import accounts

_LONGEST: Final = 512


def caller() -> Caller:
    """Who sends this request.

    Raises Unauthenticated, alike for every reason, and InvalidMember where two keys are sent.
    """
    authorization = request.headers.get("Authorization")
    api_key = request.headers.get("X-API-Key")
    if authorization is not None and api_key is not None:
        raise InvalidMember(
            "X-API-Key",
            "There is a key in X-API-Key and another in Authorization.",
            remedy="Send one of the two.",
        )
    if api_key is not None:
        return accounts.authenticate(_bounded(api_key), account=None)
    scheme, _, credentials = _bounded(authorization or "").partition(" ")
    match scheme.lower():
        case "bearer":
            return accounts.authenticate(credentials.strip(" "), account=None)
        case "basic":
            return _basic(credentials.strip(" "))
    raise accounts.unauthenticated()


def _basic(credentials: str) -> Caller:
    """RFC 7617: `account:key`, or the key as the user name with any password."""
    try:
        pair = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        raise accounts.unauthenticated() from None
    user, _, password = pair.partition(":")
    try:
        return accounts.authenticate(password, account=user)
    except Unauthenticated:
        # What is no key has no valid checksum, so that this costs no second query.
        return accounts.authenticate(user, account=None)


def _bounded(text: str) -> str:
    if len(text) > _LONGEST:
        raise accounts.unauthenticated()
    return text.strip(" \t")
