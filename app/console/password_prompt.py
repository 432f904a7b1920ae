"""Password prompt: asks for the password before an action that would outlast the session.

Who holds a stolen session could otherwise make a way in of their own: a link to choose a password,
another owner, or a key that reads the secrets.
"""

from __future__ import annotations

from typing import Final

from flask import Response, request

from app.api import path_prefix
from app.api.context import current_context
from app.console import attempts, csrf
from app.console.access import viewer
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.service import sign_in

FIELD: Final = "password"
_FORBIDDEN: Final = 403


def ask(action: str, *, cancel: str) -> Response | None:
    """Return the page that asks for the password; None if it was typed recently, or with this form.

    The page sends the form of this request again, with the password. `action` is the text of its
    button, and `cancel` the path of the page that has the form.
    """
    found = viewer()
    if found.signed_in.is_proved:
        return None
    form = Form()
    if FIELD in request.form:
        try:
            attempts.count(attempts.PASSWORD, str(found.user_id))
            sign_in.prove(current_context(), found.signed_in, request.form[FIELD])
        except SHOWN as error:
            form = refused(error, {})
        else:
            return None
    return page(
        "password.html",
        status=None if form.problem else _FORBIDDEN,
        form=form,
        action=action,
        url=path_prefix.add(request.path),
        cancel=path_prefix.add(cancel),
        fields=[
            (name, value)
            for name, value in request.form.items(multi=True)
            if name not in {FIELD, csrf.FIELD}
        ],
    )
