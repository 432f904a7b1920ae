"""Caching: lets caches store only the responses that are the same for every client."""

from __future__ import annotations

from typing import Final

from flask import Response

from app.api import dialects

PUBLIC: Final = "public, max-age=3600"
SAFE: Final = {"X-Content-Type-Options": "nosniff"}
"""Fields of every response. Browsers must not guess another type from the bytes of a body."""

_WHO: Final = ("Accept", "Authorization", "X-API-Key")
_FROM: Final = ("Origin", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Upgrade-Insecure-Requests")


def public(response: Response) -> Response:
    """Let caches store this response, which is the same for every client, for an hour."""
    response.headers["Cache-Control"] = PUBLIC
    return response


def mark(response: Response) -> None:
    """Let no cache store the response, unless the response is `public`.

    A cache does not share a response to a request with `Authorization` (RFC 9111, 3.5). It does
    not know the other headers that a key may be sent in, so it could give such a response to
    other clients.
    """
    if response.cache_control.public:
        response.vary.add("Accept")
        return
    for name, value in _private().items():
        response.headers[name] = value


def private_fields() -> dict[str, str]:
    """Return the header fields of a response that is not `public`."""
    return {**_private(), **SAFE}


def _private() -> dict[str, str]:
    return {"Cache-Control": "no-store", "Vary": ", ".join(_vary())}


def _vary() -> tuple[str, ...]:
    """Return the headers that a response depends on: of format, key, Dapr app and origin."""
    return (*_WHO, *dialects.key_headers(), *dialects.app_headers(), *_FROM)
