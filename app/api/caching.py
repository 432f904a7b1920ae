"""Caching: which answers a cache may keep. Only those that are the same for everybody."""

from __future__ import annotations

from typing import Final

from flask import Response

from app.api import dialects

PUBLIC: Final = "public, max-age=3600"
_WHO: Final = ("Accept", "Authorization", "X-API-Key")
_FROM: Final = ("Origin", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Upgrade-Insecure-Requests")


def public(response: Response) -> Response:
    """Let caches keep this answer, which is the same for everybody, for an hour."""
    response.headers["Cache-Control"] = PUBLIC
    return response


def mark(response: Response) -> None:
    """Let no cache keep the answer, unless it is `public`.

    A cache knows that an answer to a request with `Authorization` is one client's (RFC 9111, 3.5);
    of the other headers that a key may be sent in it does not, so that it would give the answer to
    others.
    """
    if response.cache_control.public:
        response.headers["Vary"] = "Accept"
        return
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = ", ".join(_vary())


def _vary() -> tuple[str, ...]:
    """What an answer may depend on: the format, who asks, for which app, and from which site."""
    return (*_WHO, *dialects.key_headers(), *dialects.app_headers(), *_FROM)
