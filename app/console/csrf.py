"""CSRF: accepts changes only from forms of the console's own pages, by Flask-WTF's tokens.

The secret of a browser's tokens is made from its cookie: the session's, or else that of its visit.
So nothing is stored for it, and a sign-in changes it. Flask's session of a request holds it, and
the notices that the next page shows. Behind its token, a form names the account that its page
shows: another tab may have switched the account of the session since.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from typing import Any, Final

from flask import Flask, Request, Response, current_app, g, request, session
from flask.sessions import SessionInterface, SessionMixin
from flask_wtf.csrf import CSRFProtect, ValidationError, generate_csrf, validate_csrf
from itsdangerous import BadData, URLSafeSerializer

from app.api import bodies
from app.api.browsers import SAFE_METHODS
from app.api.context import context_of
from app.console import cookies
from app.console.blueprint import PREFIX, console
from app.domain import token as tokens
from app.errors import Conflict, CrossSite, Misconfigured

FIELD: Final = "csrf_token"
_HEADER: Final = "X-CSRFToken"
_OF: Final = "~"
"""Stands between the token and the account; in a token of Flask-WTF there is none."""

_FLASHES: Final = "_flashes"
"""Where Flask keeps the notices."""

_FRONT: Final = "/"
"""The front page, which has a form."""

_MAX_NOTICES: Final = 2000
"""Bytes of the cookie with the notices; browsers refuse cookies of more than 4096."""

_PROTECT: Final = CSRFProtect()


class Visit(dict[str, Any], SessionMixin):
    """Flask's session of one request: the secret of the browser's tokens, and notices."""

    new_token: str | None = None
    """The token of a visit that begins with this request, and needs a cookie if it is used."""


class Visits(SessionInterface):
    """Makes the session of a request from its cookies, without storing anything."""

    def open_session(self, app: Flask, request: Request) -> Visit | None:
        """Return the session of this request; None for one that is not for the console.

        Making a token costs a request of the API 30 µs.
        """
        if request.path != _FRONT and not request.path.startswith(PREFIX):
            return None
        visit = Visit()
        given = (cookies.read(cookies.SESSION), cookies.read(cookies.VISIT))
        sent = next((each for each in given if each and tokens.read(each)), None)
        if sent is None:
            sent = visit.new_token = tokens.new().text
        key = app.secret_key
        if isinstance(key, str):
            visit[FIELD] = hmac.digest(key.encode(), sent.encode(), "sha256").hex()
            notices = request.cookies.get(cookies.NOTICES)
            if notices is not None:
                visit[_FLASHES] = _read_notices(key, notices)
        return visit

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Give a browser that was sent a form the cookie to which the form's token belongs."""
        assert isinstance(session, Visit)  # noqa: S101 - what open_session returns
        if session.new_token is not None and FIELD in g:
            cookies.write(response, cookies.VISIT, session.new_token, max_age=None)
        notices = session.get(_FLASHES)
        if notices and isinstance(app.secret_key, str):
            text = _serializer(app.secret_key).dumps(notices)
            if isinstance(text, str) and len(text) <= _MAX_NOTICES:
                response.set_cookie(
                    cookies.NOTICES, text, httponly=True, samesite="Lax", secure=cookies.is_secure()
                )
        elif cookies.NOTICES in request.cookies:
            response.delete_cookie(cookies.NOTICES)


def install(app: Flask) -> None:
    """Offer tokens to the templates of this application; only `check` checks them."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    # A page may stay open for as long as the session lasts.
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    # app/api/browsers.py checks the origin; pages with a link in their address send no Referer.
    app.config["WTF_CSRF_SSL_STRICT"] = False
    secret_keys = context_of(app).settings.secret_keys
    if secret_keys:
        app.secret_key = hmac.digest(
            secret_keys[0].encode(), b"forms of the console", "sha256"
        ).hex()
    app.session_interface = Visits()
    _PROTECT.init_app(app)


@console.before_request
def check() -> None:
    """Refuse a request that may change something and has no valid token; raises CrossSite.

    Raises as `bodies.read` for a form that did not arrive, and Misconfigured if the installation
    has no secret key.
    """
    if current_app.secret_key is None:
        raise Misconfigured("WAKECALL_SECRET_KEY is not set: the console needs it for its forms.")
    if request.method in SAFE_METHODS:
        return
    # Without its body, a form that is too long would seem to lack its token.
    bodies.check_arrived(bodies.MAX_DOCUMENT)
    sent = request.form.get(FIELD) or request.headers.get(_HEADER, "")
    signed, _, g.account_of_form = sent.partition(_OF)
    try:
        validate_csrf(signed)
    except ValidationError:
        raise CrossSite(
            "The form has no valid token of this browser, so it may come from another site.",
            member=FIELD,
            remedy="Reload the page and send the form again; a sign-in in another tab makes open "
            "forms invalid. The browser must accept cookies.",
        ) from None


def token(account_id: int) -> str:
    """Return the token of a form on a page that shows this account; 0 for a page of no account."""
    return f"{generate_csrf()}{_OF}{account_id}"


def check_account(account_id: int) -> None:
    """Refuse the form of a page that shows another account; raises Conflict."""
    if g.account_of_form != str(account_id):
        raise Conflict(
            "This page is not of the account that you use now: another tab has switched the "
            "account, or you are no longer a member of the one on this page. Nothing was changed.",
            member="account",
            remedy="Go back, switch to the account of the page and send the form again; or reload "
            "the page for the account that you use now.",
        )


def proof_of(account_id: int, pairs: Iterable[tuple[str, str]]) -> str:
    """Return the proof that the console gave these names and values to this browser's session.

    A page that goes on by itself needs it in its address, which anybody can put into a link, and
    which the browser still knows when the session acts for another account.
    """
    text = json.dumps([account_id, *sorted(pairs)]).encode()
    return hmac.digest(session[FIELD].encode(), b"proof\0" + text, "sha256").hex()


def is_proof(text: str, account_id: int, pairs: Iterable[tuple[str, str]]) -> bool:
    """Return whether a text is the proof of these names and values for this account."""
    return hmac.compare_digest(text.encode(), proof_of(account_id, pairs).encode())


def _read_notices(key: str, text: str) -> list[Any]:
    try:
        found = _serializer(key).loads(text)
    except BadData:
        return []
    return found if isinstance(found, list) else []


def _serializer(key: str) -> URLSafeSerializer:
    return URLSafeSerializer(key, salt="notices of the console")
