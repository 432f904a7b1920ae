"""Suspension pages: an operator suspends or resumes an account, with a reason and the password."""

from __future__ import annotations

from collections import Counter
from typing import Final

from flask import Response, flash, request
from flask.typing import ResponseReturnValue

from app.api.context import current_context
from app.api.parameters import takes
from app.console import attempts
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.forms import SHOWN, Form, refused
from app.console.pages.admin import for_operators
from app.console.rendering import page
from app.domain.role import Role
from app.errors import InvalidMember, NotFound
from app.service import account_lifecycle, accounts, sign_in

_ACCOUNTS: Final = f"{PREFIX}/admin#accounts"
_SEE_OTHER: Final = 303
_SUSPEND: Final = "suspend"
_FIELDS: Final = {"account": ""}
"""Members of errors that no field of the page stands for."""

_BATCHES: Final = 10
"""What one request releases of a resumed account; maintenance releases the rest within 30 s."""


@console.get("/admin/accounts/<any(suspend, resume):verb>")
@needs(Role.READER, of_account=False)
@takes("account")
@for_operators
def ask_about_account(verb: str) -> ResponseReturnValue:
    """Ask for the reason and the password before an account is suspended or resumed."""
    found = accounts.get_account(current_context(), request.args.get("account", ""))
    return _ask(verb, found.name, Form())


@console.post("/admin/accounts/<any(suspend, resume):verb>")
@needs(Role.READER, of_account=False)
@takes()
@for_operators
def change_account(verb: str) -> ResponseReturnValue:
    """Suspend or resume an account."""
    context, found = current_context(), viewer()
    name, reason = request.form.get("account", ""), request.form.get("reason", "").strip()
    try:
        if not reason:
            raise InvalidMember(
                "reason", "There is no reason.", remedy="Write why, for the owners of the account."
            )
        attempts.count(attempts.PASSWORD, str(found.user_id))
        sign_in.prove(context, found.signed_in, request.form.get("password", ""))
        if verb == _SUSPEND:
            account_lifecycle.suspend(context, name, reason=reason)
        else:
            account_lifecycle.resume(context, name, _ignore, reason=reason, batches=_BATCHES)
    except NotFound:
        raise
    except SHOWN as error:
        return _ask(verb, name, refused(error, {"reason": reason}, _FIELDS))
    flash(f"{name} is {'suspended' if verb == _SUSPEND else 'resumed'}.")
    return Response(status=_SEE_OTHER, headers={"Location": _ACCOUNTS})


def _ask(verb: str, name: str, form: Form) -> Response:
    return page(
        "suspension.html",
        verb=verb,
        account=name,
        form=form,
        longest=account_lifecycle.MAX_REASON,
    )


def _ignore(_: Counter[str]) -> None:
    """Report no progress: the request ends soon."""
