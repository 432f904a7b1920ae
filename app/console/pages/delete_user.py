"""Delete-user page: a user deletes the own user, and leaves all accounts."""

from __future__ import annotations

from typing import Final

from flask import Response, flash, g, request
from flask.typing import ResponseReturnValue

from app.api.context import current_context
from app.api.parameters import takes
from app.console import access, attempts, cookies, shown_once
from app.console.access import needs, viewer
from app.console.blueprint import console
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.domain.role import Role
from app.errors import InvalidMember
from app.service import members, sign_in

_FIELDS: Final = {"user": ""}
"""Members of errors that no field of the page stands for."""

_SEE_OTHER: Final = 303


@console.get("/account/delete-user")
@needs(Role.READER, of_account=False)
@takes()
def ask_to_delete_user() -> ResponseReturnValue:
    """Ask for the e-mail address and the password before the user is deleted."""
    return page("delete_user.html", form=Form())


@console.post("/account/delete-user")
@needs(Role.READER, of_account=False)
@takes()
def delete_user() -> ResponseReturnValue:
    """Delete the user, and leave nothing of the user in this browser."""
    context, found = current_context(), viewer()
    values = {"email": request.form.get("email", "")}
    try:
        if values["email"].strip().lower() != found.email:
            raise InvalidMember(
                "email", "This is not your e-mail address.", remedy="Type it as shown."
            )
        attempts.count(attempts.PASSWORD, str(found.user_id))
        sign_in.prove(context, found.signed_in, request.form.get("password", ""))
        members.delete_user(context, found.user_id)
    except SHOWN as error:
        return page("delete_user.html", form=refused(error, values, _FIELDS))
    g.viewer = None
    flash(f"The user {found.email} is deleted.")
    response = Response(status=_SEE_OTHER, headers={"Location": access.LOGIN})
    for name in (cookies.SESSION, cookies.BROWSER):
        cookies.remove(response, name)
    shown_once.forget_all(response)
    return response
