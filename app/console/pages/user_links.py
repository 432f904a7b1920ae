"""Link pages: choose a new password, or sign in, with a link that can be used once."""

from __future__ import annotations

from typing import Final

from flask import Response, request
from flask.typing import ResponseReturnValue

from app.api.context import current_context
from app.api.parameters import takes
from app.api.scopes import needs_no_key
from app.console import access, attempts
from app.console.blueprint import PREFIX, console
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.domain.user import LinkPurpose
from app.service import mail, user_links

_HOME: Final = f"{PREFIX}/"
_SEE_OTHER: Final = 303
_MAILED: Final = (
    "If a user has this address, a link was sent to it. It is valid for a day. If nothing comes "
    "within a few minutes, check your spam folder, or send the form again."
)


@console.get("/forgot")
@needs_no_key
@takes(ignoring=True)
def show_forgotten() -> ResponseReturnValue:
    """Show how to choose a new password: by mail, or by a link of an owner."""
    return page("forgot.html", form=Form(), by_mail=mail.is_configured(current_context()))


@console.post("/forgot")
@needs_no_key
@takes()
def mail_reset() -> ResponseReturnValue:
    """Have a link mailed; the response is the same for an unknown address."""
    email = request.form.get("email", "")
    try:
        attempts.count(attempts.REQUEST)
        user_links.request_reset(current_context(), email)
    except SHOWN as error:
        form = refused(error, {"email": email})
        return page("forgot.html", form=form, by_mail=mail.is_configured(current_context()))
    return page("message.html", title="Check your mail", text=_MAILED)


@console.get("/reset/<token>")
@needs_no_key
@takes(ignoring=True)
def show_reset(token: str) -> ResponseReturnValue:
    """Ask for a new password."""
    attempts.count(attempts.LINK)
    return _form(token, Form())


@console.post("/reset/<token>")
@needs_no_key
@takes()
def reset(token: str) -> ResponseReturnValue:
    """Store the new password, and sign its user in."""
    try:
        attempts.count(attempts.LINK)
        email = user_links.find(current_context(), token, LinkPurpose.RESET).email
        session = user_links.reset_password(
            current_context(), token, request.form.get("password", ""), access.browser()
        )
    except SHOWN as error:
        return _form(token, refused(error, {}))
    return access.begin(_redirect_home(), session, email)


@console.get("/sign-in/<token>")
@needs_no_key
@takes(ignoring=True)
def show_sign_in_link(token: str) -> ResponseReturnValue:
    """Ask before a link is used up: programs that scan links open them, too."""
    attempts.count(attempts.LINK)
    user = user_links.find(current_context(), token, LinkPurpose.SIGN_IN)
    return _private(page("sign_in_link.html", email=user.email))


@console.post("/sign-in/<token>")
@needs_no_key
@takes()
def use_sign_in_link(token: str) -> ResponseReturnValue:
    """Begin a session with a link."""
    attempts.count(attempts.LINK)
    email = user_links.find(current_context(), token, LinkPurpose.SIGN_IN).email
    session = user_links.use_to_sign_in(current_context(), token, access.browser())
    return access.begin(_redirect_home(), session, email)


def _form(token: str, form: Form) -> Response:
    user = user_links.find(current_context(), token, LinkPurpose.RESET)
    return _private(page("reset.html", form=form, email=user.email))


def _private(response: Response) -> Response:
    """Keep the address of this page, which is a secret, from all other pages."""
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _redirect_home() -> Response:
    return Response(status=_SEE_OTHER, headers={"Location": _HOME})
