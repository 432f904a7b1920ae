"""Member pages: who belongs to the account, in which role, and who is invited."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask import Response, flash, request
from flask.typing import ResponseReturnValue

from app.api import path_prefix
from app.api.context import current_context
from app.api.parameters import takes
from app.console import password_prompt, shown_once
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.domain.role import Role
from app.domain.user import Member
from app.errors import InvalidMember, NotFound
from app.service import invitations, mail, user_links
from app.service import members as service

_MEMBERS: Final = f"{PREFIX}/members"
_ACCOUNTS: Final = f"{PREFIX}/accounts"
_SEE_OTHER: Final = 303
_DAYS: Final = {"1": 1, "7": 7, "14": 14, "30": 30}
_FIELDS: Final = {"user": ""}
"""Members of errors that no field of the page stands for."""

_ROLES: Final = [(each.value, each.value) for each in Role]


@console.get("/members")
@needs(Role.READER)
@takes()
def list_members() -> ResponseReturnValue:
    """Show the members; to owners also the invitations and their forms."""
    return _list(Form(values={"role": Role.MEMBER.value, "expiry": "7"}))


@console.post("/members/invitations")
@needs(Role.OWNER)
@takes()
def invite() -> ResponseReturnValue:
    """Create an invitation, and show its link."""
    values = {name: request.form.get(name, "") for name in ("email", "role", "expiry", "note")}
    if values["role"] == Role.OWNER.value:
        asked = password_prompt.ask("Create invitation", cancel=_MEMBERS)
        if asked is not None:
            return asked
    try:
        if values["expiry"] not in _DAYS:
            raise InvalidMember(
                "expiry", "The expiry is unknown.", remedy="Choose one from the list."
            )
        made = invitations.create(
            current_context(),
            viewer().account,
            by=viewer().user_id,
            role=_role(values["role"]),
            email=values["email"].strip() or None,
            note=values["note"].strip(),
            expiry=timedelta(days=_DAYS[values["expiry"]]),
        )
    except SHOWN as error:
        return _list(refused(error, values))
    return _redirect_to_link(made.link)


@console.post("/members/invitations/<int:number>/revoke")
@needs(Role.OWNER)
@takes()
def revoke_invitation(number: int) -> ResponseReturnValue:
    """End an invitation."""
    invitations.revoke(
        current_context(), _bounded(number), account=viewer().account, by=viewer().user_id
    )
    flash("The invitation is revoked.")
    return _redirect_back()


@console.post("/members/<int:user_id>/role")
@needs(Role.OWNER)
@takes()
def change_role(user_id: int) -> ResponseReturnValue:
    """Give a member another role."""
    if request.form.get("role") == Role.OWNER.value:
        asked = password_prompt.ask("Make owner", cancel=_MEMBERS)
        if asked is not None:
            return asked
    try:
        role = _role(request.form.get("role", ""))
        by = viewer().user_id
        service.change_role(current_context(), viewer().account, _bounded(user_id), role, by=by)
    except NotFound:
        raise
    except SHOWN as error:
        return _list(refused(error, {}, _FIELDS))
    flash("The role is changed. It applies from the member's next request on.")
    return _redirect_back()


@console.post("/members/<int:user_id>/reset")
@needs(Role.OWNER)
@takes()
def make_reset_link(user_id: int) -> ResponseReturnValue:
    """Create a link with which a member chooses a new password, and show it."""
    asked = password_prompt.ask("Create link", cancel=_MEMBERS)
    if asked is not None:
        return asked
    try:
        link = user_links.create_for_member(
            current_context(), viewer().account, _bounded(user_id), by=viewer().user_id
        )
    except NotFound:
        raise
    except SHOWN as error:
        return _list(refused(error, {}, _FIELDS))
    return _redirect_to_link(link)


@console.post("/members/link-stored")
@needs(Role.OWNER)
@takes()
def forget_link() -> ResponseReturnValue:
    """Stop showing the new link."""
    return shown_once.forget(_redirect_back(), shown_once.LINK)


@console.get("/members/<int:user_id>/remove")
@needs(Role.READER)
@takes()
def ask_to_remove(user_id: int) -> ResponseReturnValue:
    """Ask before somebody is removed, or leaves."""
    member = _member(user_id)
    leaves = member.user_id == viewer().user_id
    name = viewer().account_name
    return page(
        "confirm.html",
        title=f"Leave {name}?" if leaves else f"Remove {member.email}?",
        text="An owner can invite the user again. Jobs and keys that the user created are kept.",
        url=path_prefix.add(f"{_MEMBERS}/{member.user_id}/remove"),
        action="Leave" if leaves else "Remove",
        cancel=path_prefix.add(_MEMBERS),
    )


@console.post("/members/<int:user_id>/remove")
@needs(Role.READER)
@takes()
def remove_member(user_id: int) -> ResponseReturnValue:
    """Remove a member, as an owner; everybody may leave."""
    leaves = user_id == viewer().user_id
    if not leaves and not viewer().may_manage:
        raise user_links.unknown_member()
    try:
        service.remove(current_context(), viewer().account, _bounded(user_id), by=viewer().user_id)
    except NotFound:
        raise
    except SHOWN as error:
        return _list(refused(error, {}, _FIELDS))
    flash("You left the account." if leaves else "The member is removed.")
    return Response(status=_SEE_OTHER, headers={"Location": _ACCOUNTS if leaves else _MEMBERS})


def _list(form: Form) -> Response:
    context, found = current_context(), viewer()
    return page(
        "members.html",
        members=service.list_members(context, found.account),
        invitations=invitations.list_open(context, found.account) if found.may_manage else (),
        link=_link() if found.may_manage else None,
        form=form,
        roles=_ROLES,
        expiries=[("1", "a day"), ("7", "a week"), ("14", "two weeks"), ("30", "30 days")],
        by_mail=mail.is_configured(context),
    )


def _member(user_id: int) -> Member:
    """Return a member whom the viewer may remove; raises NotFound."""
    is_self = user_id == viewer().user_id
    if is_self or viewer().may_manage:
        for each in service.list_members(current_context(), viewer().account):
            if each.user_id == user_id:
                return each
    raise user_links.unknown_member()


def _role(text: str) -> Role:
    if text not in {each.value for each in Role}:
        raise InvalidMember("role", "The role is unknown.", remedy="Choose one from the list.")
    return Role(text)


def _bounded(number: int) -> int:
    """Return an id, or 0, which nothing has, for one that is too great for the database."""
    return number if number < 2**63 else 0


def _link() -> str | None:
    """Return the link that was just made into this account."""
    return shown_once.read(shown_once.LINK, account_id=viewer().account_id)


def _redirect_to_link(link: str) -> Response:
    account_id = viewer().account_id
    return shown_once.keep(_redirect_back(), shown_once.LINK, link, account_id=account_id)


def _redirect_back() -> Response:
    return Response(status=_SEE_OTHER, headers={"Location": _MEMBERS})
