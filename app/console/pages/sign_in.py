"""Sign-in pages: begin and end a session, and choose the account for which it acts."""

from __future__ import annotations

from typing import Final

from flask import Response, g, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug import Response as BaseResponse

from app.api import parameters
from app.api.context import current_context
from app.api.parameters import takes
from app.api.scopes import needs_no_key
from app.console import access, cookies, known_browsers, shown_once
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.domain.role import Role
from app.domain.user import MAX_EMAIL
from app.service import sign_in as service

NEXT: Final = "next"
_HOME: Final = f"{PREFIX}/"
_SEE_OTHER: Final = 303
_MAX_ID: Final = 19


@console.get("/login")
@needs_no_key
@takes(NEXT, ignoring=True)
def show_login() -> ResponseReturnValue:
    """Ask for e-mail address and password; a signed-in user is redirected."""
    wanted = _wanted(request.args.get(NEXT, ""))
    if access.identify() is not None:
        return redirect(wanted or _HOME, _SEE_OTHER)
    return page("login.html", form=Form(), wanted=wanted)


@console.post("/login")
@needs_no_key
@takes()
def sign_in() -> ResponseReturnValue:
    """Begin a session under a new token, whatever the browser had before."""
    parameters.check()
    email, password = request.form.get("email", ""), request.form.get("password", "")
    wanted = _wanted(request.form.get(NEXT, ""))
    whose = email.strip().lower()[:MAX_EMAIL]
    try:
        known_browsers.count_sign_in(whose)
        token = service.sign_in(current_context(), email, password, access.browser())
    except SHOWN as error:
        return page("login.html", form=refused(error, {"email": email}), wanted=wanted)
    before = access.identify()
    if before is not None:
        service.sign_out(current_context(), before.signed_in)
    return access.begin(_redirect_to(wanted or _HOME), token, whose)


@console.post("/logout")
@needs_no_key
@takes()
def sign_out() -> ResponseReturnValue:
    """End the session of this browser, if it has one."""
    found = access.identify()
    if found is not None:
        service.sign_out(current_context(), found.signed_in)
        g.viewer = None
    response = _redirect_to(access.LOGIN)
    cookies.remove(response, cookies.SESSION)
    shown_once.forget_all(response)
    return response


@console.get("/accounts")
@needs(Role.READER, of_account=False)
@takes()
def list_accounts() -> ResponseReturnValue:
    """Show the accounts that the user belongs to, to switch between them."""
    return page("accounts.html", accounts_of_user=viewer().accounts)


@console.post("/switch")
@needs(Role.READER, of_account=False)
@takes()
def switch() -> ResponseReturnValue:
    """Let the session act for another account of the user."""
    text = request.form.get("account", "")
    # 0 is nobody's account.
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < _MAX_ID else 0
    service.switch(current_context(), viewer().signed_in, wanted)
    return _redirect_to(_HOME)


def _wanted(path: str) -> str:
    """Return the path after the sign-in if it is one of this console, else an empty text."""
    return path if access.is_own_path(path) else ""


def _redirect_to(path: str) -> Response:
    response: BaseResponse = redirect(path, _SEE_OTHER)
    assert isinstance(response, Response)  # noqa: S101 - Flask's own class
    return response
