"""Operator's page: requests, invitations, accounts, processes, held destinations and mail."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final, ParamSpec

from flask import Response, flash, request
from flask.typing import ResponseReturnValue

from app.api.context import current_context
from app.api.parameters import takes
from app.console import shown_once
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.elements import to
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.domain.invitation import DEFAULT_EXPIRY, Usability
from app.domain.role import Role
from app.errors import InvalidMember, NotFound
from app.service import invitations, mail
from app.service import operation as service

_ADMIN: Final = f"{PREFIX}/admin"
_SEE_OTHER: Final = 303
_POLL_S: Final = 5
_ROWS: Final = 25
_CURSOR: Final = "cursor"
_ID: Final = re.compile(r"[1-9][0-9]{0,17}")

P = ParamSpec("P")


def for_operators(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Show a page to operators only; for others it does not exist. Stands below `needs`."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if not viewer().operator:
            raise NotFound("There is no such page.", remedy="Use the links of the console.")
        return view(*args, **kwargs)

    return guarded


@console.get("/admin")
@needs(Role.READER, of_account=False)
@takes(_CURSOR)
@for_operators
def show_operation() -> ResponseReturnValue:
    """Show the state of the service."""
    return _show(Form())


@console.post("/admin/invitations")
@needs(Role.READER, of_account=False)
@takes()
@for_operators
def invite_account() -> ResponseReturnValue:
    """Create an invitation to a new account, and show its link."""
    values = {name: request.form.get(name, "").strip() for name in ("email", "note")}
    try:
        made = invitations.create(
            current_context(), email=values["email"] or None, note=values["note"]
        )
    except SHOWN as error:
        return _show(refused(error, values))
    return _redirect_to_link(made.link)


@console.post("/admin/invitations/<int:number>/revoke")
@needs(Role.READER, of_account=False)
@takes()
@for_operators
def revoke_any_invitation(number: int) -> ResponseReturnValue:
    """End an invitation."""
    if number >= 2**63:
        raise NotFound("There is no such invitation.", remedy="Choose one on the page.")
    invitations.revoke(current_context(), number)
    flash("The invitation is revoked.")
    return _redirect_back()


@console.post("/admin/requests/accept")
@needs(Role.READER, of_account=False)
@takes()
@for_operators
def accept_request() -> ResponseReturnValue:
    """Accept a request for an invitation, and show the link."""
    made = invitations.accept_request(current_context(), request.form.get("email", ""))
    return _redirect_to_link(made.link)


@console.post("/admin/link-stored")
@needs(Role.READER, of_account=False)
@takes()
@for_operators
def forget_operator_link() -> ResponseReturnValue:
    """Stop showing the new link."""
    return shown_once.forget(_redirect_back(), shown_once.LINK)


def _show(form: Form) -> ResponseReturnValue:
    below = _below()
    accounts = service.list_accounts(current_context(), below=below, limit=_ROWS + 1)
    more = f"admin?{_CURSOR}={accounts[_ROWS - 1].id}#accounts" if len(accounts) > _ROWS else ""
    return page(
        "admin.html",
        live=0 if form.problem or below else _POLL_S,
        form=form,
        found=service.read(current_context()),
        account_rows=accounts[:_ROWS],
        older=to(more) if more else "",
        newer=to("admin#accounts") if below else "",
        link=shown_once.read(shown_once.LINK, account_id=shown_once.OF_SERVICE),
        by_mail=mail.is_configured(current_context()),
        days=DEFAULT_EXPIRY // timedelta(days=1),
        open_state=Usability.OPEN,
    )


def _below() -> int | None:
    text = request.args.get(_CURSOR)
    if text is not None and not _ID.fullmatch(text):
        raise InvalidMember(
            _CURSOR, "Invalid cursor.", remedy="Leave it out, or follow the links of the page."
        )
    return None if text is None else int(text)


def _redirect_to_link(link: str) -> Response:
    account_id = shown_once.OF_SERVICE
    return shown_once.keep(_redirect_back(), shown_once.LINK, link, account_id=account_id)


def _redirect_back() -> Response:
    return Response(status=_SEE_OTHER, headers={"Location": _ADMIN})
