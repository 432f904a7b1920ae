"""Account page: the user's preferences, password and sessions; the account's limits and its end."""

from __future__ import annotations

from typing import Final

from flask import Response, flash, request
from flask.typing import ResponseReturnValue

from app.api import path_prefix
from app.api.context import current_context
from app.api.parameters import takes
from app.console import access, attempts
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.forms import SHOWN, Form, refused
from app.console.pages.display import keep_theme
from app.console.rendering import page
from app.domain.limits import Limit
from app.domain.role import Role
from app.domain.user import HOURS, THEMES
from app.errors import InvalidMember
from app.service import account_lifecycle, accounts, limits, preferences, sign_in

_ACCOUNT: Final = f"{PREFIX}/account"
_SEE_OTHER: Final = 303
_FIELDS: Final = {"timezone": "zone"}
_UNITS: Final = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_PREFERENCES: Final = ("name", "zone", "hours", "theme")


@console.get("/account")
@needs(Role.READER, of_account=False)
@takes()
def show_account() -> ResponseReturnValue:
    """Show the settings of the user and of the account."""
    return _show()


@console.post("/account/preferences")
@needs(Role.READER, of_account=False)
@takes()
def change_preferences() -> ResponseReturnValue:
    """Store the name of the user, and how pages show times."""
    values = {name: request.form.get(name, "") for name in _PREFERENCES}
    try:
        preferences.change(current_context(), viewer().signed_in, **values)
    except SHOWN as error:
        return _show(refused(error, values, _FIELDS))
    flash("Your preferences are saved.")
    response = _redirect_back()
    keep_theme(response, values["theme"])
    return response


@console.post("/account/password")
@needs(Role.READER, of_account=False)
@takes()
def change_password() -> ResponseReturnValue:
    """Store a new password; the user's other sessions end."""
    try:
        attempts.count(attempts.PASSWORD, str(viewer().user_id))
        token = sign_in.change_password(
            current_context(),
            viewer().signed_in,
            request.form.get("password", ""),
            request.form.get("newPassword", ""),
            access.browser(),
        )
    except SHOWN as error:
        return _show(refused(error, {}))
    flash("The password is changed. Your other sessions have ended.")
    return access.begin(_redirect_back(), token, viewer().email)


@console.post("/account/sessions/<int:session_id>/end")
@needs(Role.READER, of_account=False)
@takes()
def end_session(session_id: int) -> ResponseReturnValue:
    """End one of the user's sessions."""
    sign_in.end_session(
        current_context(), viewer().signed_in, session_id if session_id < 2**63 else 0
    )
    flash("The session has ended.")
    return _redirect_back()


@console.post("/account/sessions/end-others")
@needs(Role.READER, of_account=False)
@takes()
def end_other_sessions() -> ResponseReturnValue:
    """End all sessions of the user but this one."""
    number = sign_in.end_other_sessions(current_context(), viewer().signed_in)
    flash(f"{number} other sessions have ended." if number != 1 else "One other session has ended.")
    return _redirect_back()


@console.get("/account/delete")
@needs(Role.OWNER)
@takes()
def ask_to_delete() -> ResponseReturnValue:
    """Ask before the account is deleted: its name and the password have to be typed."""
    return _ask_to_delete(Form())


@console.post("/account/delete")
@needs(Role.OWNER)
@takes()
def delete_account() -> ResponseReturnValue:
    """Begin to delete the account; maintenance deletes its data."""
    found = viewer()
    values = {"account": request.form.get("account", "")}
    try:
        if values["account"] != found.account_name:
            raise InvalidMember(
                "account", "This is not the name of the account.", remedy="Type it as shown."
            )
        attempts.count(attempts.PASSWORD, str(found.user_id))
        sign_in.prove(current_context(), found.signed_in, request.form.get("password", ""))
        account_lifecycle.begin_deletion(current_context(), found.account, by=found.user_id)
    except SHOWN as error:
        return _ask_to_delete(refused(error, values))
    flash(f"{found.account_name} is being deleted. Its keys are revoked and no calls are made.")
    return Response(status=_SEE_OTHER, headers={"Location": access.ACCOUNTS})


def _show(form: Form | None = None) -> Response:
    context, found = current_context(), viewer()
    account = found.account if found.account_id else None
    return page(
        "account.html",
        form=form or Form(values=_stored()),
        sessions=sign_in.list_sessions(context, found.user_id),
        hours=[(str(each), f"{each}-hour clock") for each in HOURS],
        themes=[(each, _THEMES[each]) for each in THEMES],
        account=account,
        dates=None if account is None else accounts.get_dates(context, account),
        amount=_amount,
        limits=() if account is None else limits.states(context, account),
    )


def _amount(limit: Limit, number: int) -> str:
    """Return an amount in words: bytes in the largest unit that they fill."""
    if "bytes" not in limit.field:
        return f"{number:,}"
    return next(
        (f"{number / size:,.1f} {unit}" for unit, size in _UNITS if number >= size),
        f"{number:,} bytes",
    )


def _stored() -> dict[str, str]:
    found = viewer()
    return {
        "name": found.name,
        "zone": found.zone,
        "hours": str(found.hours),
        "theme": found.theme,
    }


def _ask_to_delete(form: Form) -> Response:
    return page("delete_account.html", form=form, cancel=path_prefix.add(_ACCOUNT))


def _redirect_back() -> Response:
    return Response(status=_SEE_OTHER, headers={"Location": _ACCOUNT})


_THEMES: Final = {"auto": "System", "light": "Light", "dark": "Dark"}
