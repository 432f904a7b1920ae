"""Known browsers: those in which a user signed in before, with an allowance of their own.

Whoever knows an address can use up its sign-ins, from as few as six networks. A browser that has
the cookie of an earlier sign-in with that address does not share that allowance. The cookie holds
a random id and an HMAC of it with the address, so nothing is stored and it fits no other address.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from flask import Response, current_app

from app.console import attempts, cookies

_LIFETIME_S: Final = 365 * 24 * 3600
_ID_BYTES: Final = 16


def remember(response: Response, email: str) -> None:
    """Give this browser the cookie of a user who has just signed in."""
    browser = secrets.token_urlsafe(_ID_BYTES)
    value = f"{browser}.{_seal(browser, email)}"
    cookies.write(response, cookies.BROWSER, value, max_age=_LIFETIME_S)


def find(email: str) -> str | None:
    """Return the id of this browser; None unless the user with this address signed in with it."""
    browser, _, seal = (cookies.read(cookies.BROWSER) or "").partition(".")
    is_genuine = hmac.compare_digest(seal.encode(), _seal(browser, email).encode())
    return browser if browser and is_genuine else None


def count_sign_in(email: str) -> None:
    """Count a sign-in from this request's network; raises RateLimited."""
    if _count_known(email):
        return
    attempts.count(attempts.SIGN_IN_FROM)
    attempts.count(attempts.SIGN_IN_AS, email)
    attempts.count(attempts.SIGN_IN_ANYWHERE, email)


def count_password(email: str) -> None:
    """Count a password that is tried elsewhere than at the sign-in page; raises RateLimited."""
    if not _count_known(email):
        attempts.count(attempts.SIGN_IN_ANYWHERE, email)


def _count_known(email: str) -> bool:
    """Count an attempt of a known browser; False if this browser is not known."""
    browser = find(email)
    if browser is None:
        return False
    attempts.count(attempts.SIGN_IN_BROWSER, browser)
    # A user with many cookies of the own address must not keep all cores busy with hashes.
    attempts.count(attempts.SIGN_IN_BROWSERS, email)
    return True


def _seal(browser: str, email: str) -> str:
    key = current_app.secret_key
    assert isinstance(key, str)  # noqa: S101 - csrf.check has refused requests without one
    return hmac.digest(key.encode(), f"browser\0{browser}\0{email}".encode(), "sha256").hex()
