"""Join pages: create a user and an account with an invitation; a GET changes nothing."""

from __future__ import annotations

from typing import Final

from flask import Response, redirect, request
from flask.typing import ResponseReturnValue

from app.api import acting
from app.api.context import current_context
from app.api.parameters import takes
from app.api.scopes import needs_no_key
from app.console import access, attempts, known_browsers, new_keys
from app.console.access import Viewer
from app.console.blueprint import PREFIX, console
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.domain.invitation import Invitation
from app.domain.user import MAX_EMAIL, read_email
from app.service import invitations, sign_up
from app.service.sign_up import Joined, Joining, suggest_name

_START: Final = f"{PREFIX}/start"
_HOME: Final = f"{PREFIX}/"
_SEE_OTHER: Final = 303


@console.get("/join/<token>")
@needs_no_key
@takes(ignoring=True)
def show_invitation(token: str) -> ResponseReturnValue:
    """Show the invitation and its form."""
    attempts.count(attempts.LINK)
    invitation = invitations.find(current_context(), token)
    email = invitation.email or ""
    return _form(invitation, Form(values={"email": email, "account": suggest_name(email)}))


@console.post("/join/<token>")
@needs_no_key
@takes()
def join(token: str) -> ResponseReturnValue:
    """Join with the fields of the form, or as the signed-in user."""
    viewer = access.identify()
    values = {name: request.form.get(name, "") for name in ("email", "account", "zone")}
    whose = values["email"].strip().lower()[:MAX_EMAIL]
    try:
        attempts.count(attempts.JOIN)
        if viewer is None:
            # The form tells whether a password is that of a known user, as a sign-in does.
            known_browsers.count_password(whose)
        joined = _join(token, values, viewer)
    except SHOWN as error:
        invitation = invitations.find(current_context(), token)
        return _form(invitation, refused(error, values))
    target = _HOME if joined.key is None else _START
    response = Response(status=_SEE_OTHER, headers={"Location": target})
    if joined.token:
        access.begin(response, joined.token, whose)
    if joined.key is None:
        return response
    return new_keys.keep(response, joined.key, account_id=joined.account.id)


@console.post("/sign-up")
@needs_no_key
@takes()
def begin_sign_up() -> ResponseReturnValue:
    """Redirect to the form of a new account, or show that its link was mailed."""
    email = request.form.get("email", "")
    try:
        attempts.count(attempts.REQUEST)
        link = sign_up.sign_up(current_context(), email)
    except SHOWN as error:
        return page("sign_up.html", form=refused(error, {"email": email}))
    if link is not None:
        return redirect(link.removeprefix(current_context().settings.base_url), _SEE_OTHER)
    return page("message.html", title="Check your mail", text=_MAILED)


@console.get("/sign-up")
@needs_no_key
@takes(ignoring=True)
def show_sign_up() -> ResponseReturnValue:
    """Ask for the e-mail address of somebody who signs up without an invitation."""
    return page("sign_up.html", form=Form())


def _join(token: str, values: dict[str, str], viewer: Viewer | None) -> Joined:
    if viewer is not None:
        acting.name_user(viewer.email)
        return sign_up.join_as(current_context(), token, viewer.signed_in, values["account"])
    acting.name_user(read_email(values["email"]))
    joining = Joining(
        email=values["email"],
        password=request.form.get("password", ""),
        account_name=values["account"],
        zone=values["zone"],
    )
    return sign_up.join(current_context(), token, joining, access.browser())


def _form(invitation: Invitation, form: Form) -> Response:
    access.identify()
    response = page("join.html", invitation=invitation, form=form)
    # The address of this page is a secret, which no other page may learn.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


_MAILED: Final = (
    "A link was sent to that address. Open it to choose a password. If nothing comes within a few "
    "minutes, check your spam folder, or send the form again."
)
