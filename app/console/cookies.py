"""Cookies: the names and attributes of the cookies that hold sessions, visits and notices.

`__Host-` binds a cookie to this host and to TLS, so that neither another host of the domain nor a
plain connection can set it. Over plain http, as on loopback, browsers refuse such a name.
"""

from __future__ import annotations

from typing import Final

from flask import Response, request

from app.api import senders

SESSION: Final = senders.SESSION_COOKIE
"""Holds the token of a session."""

VISIT: Final = "wakecall-visit"
"""Holds a token of a browser that is not signed in, to which the tokens of its forms belong."""

BROWSER: Final = "wakecall-browser"
"""Holds that a user signed in with this browser; it outlasts sessions."""

NOTICES: Final = "wakecall-notices"
"""Holds the notices that the next page shows about the request before it, signed."""

START_DISMISSED: Final = "wakecall-start-dismissed"
"""Holds that the person dismissed the page of the first call."""

_PREFIX: Final = senders.HOST_PREFIX


def is_secure() -> bool:
    """Whether the browser reaches the service over TLS, which a proxy may end."""
    return (
        request.is_secure
        or request.headers.get("X-Forwarded-Proto", "").lower() == "https"
        or request.headers.get("Origin", "").startswith("https://")
    )


def read(name: str) -> str | None:
    """Return the value of a cookie; None if the browser sends none."""
    if is_secure():
        return request.cookies.get(_PREFIX + name)
    return request.cookies.get(_PREFIX + name) or request.cookies.get(name)


def write(response: Response, name: str, value: str, *, max_age: int | None) -> None:
    """Set a cookie for `max_age` seconds, or until the browser ends."""
    secure = is_secure()
    response.set_cookie(
        _PREFIX + name if secure else name,
        value,
        max_age=max_age,
        path="/",
        secure=secure,
        httponly=True,
        samesite="Lax",
    )


def remove(response: Response, name: str) -> None:
    """Remove a cookie, whichever of its two names it has."""
    for each, secure in ((_PREFIX + name, True), (name, False)):
        if each in request.cookies:
            response.delete_cookie(each, path="/", secure=secure, httponly=True, samesite="Lax")
