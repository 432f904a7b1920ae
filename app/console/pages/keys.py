"""Key pages: the API keys of the account, which owners list, create and revoke."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask import Response, flash, request
from flask.typing import ResponseReturnValue

from app.api import path_prefix
from app.api.context import current_context
from app.api.parameters import takes
from app.console import new_keys, page_context, password_prompt
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.domain.role import Role
from app.domain.scope import Scope
from app.errors import InvalidMember
from app.service import keys as service
from app.service.keys import Wanted

ROWS: Final = 50
_SEE_OTHER: Final = 303
_KEYS: Final = f"{PREFIX}/keys"
_DAYS: Final = {"30": 30, "90": 90, "365": 365}
_FIELDS: Final = {"daprApp": "app", "expires": "expiry", "keys": "label"}


@console.get("/keys")
@needs(Role.OWNER)
@takes("cursor")
def list_keys() -> ResponseReturnValue:
    """Show a page of the account's keys, and the form of a new one."""
    return _list(Form(values={"scope": Scope.BOOK.value}))


@console.post("/keys")
@needs(Role.OWNER)
@takes()
def create_key() -> ResponseReturnValue:
    """Create a key, and lead to the page that shows it."""
    values = {name: request.form.get(name, "") for name in ("label", "scope", "app", "expiry")}
    if values["scope"] == Scope.ADMIN.value:
        asked = password_prompt.ask("Create key", cancel=_KEYS)
        if asked is not None:
            return asked
    try:
        made = service.create_as_user(
            current_context(), viewer().caller, _wanted(values), by=viewer().user_id
        )
    except SHOWN as error:
        return _list(refused(error, values, _FIELDS))
    response = Response(status=_SEE_OTHER, headers={"Location": f"{_KEYS}/{made.key.id}"})
    return new_keys.keep(response, made.text, account_id=viewer().account_id)


@console.get("/keys/<key_id>")
@needs(Role.OWNER)
@takes()
def show_key(key_id: str) -> ResponseReturnValue:
    """Show a key; its text only in the browser that has just created it."""
    found = service.get(current_context(), viewer().account, key_id)
    return page(
        "key.html",
        key=found,
        text=new_keys.read(viewer().account_id, found.id),
        base_url=current_context().settings.base_url,
    )


@console.post("/keys/<key_id>/stored")
@needs(Role.OWNER)
@takes()
def forget_key(key_id: str) -> ResponseReturnValue:
    """Stop showing the text of the new key."""
    service.get(current_context(), viewer().account, key_id)
    response = Response(status=_SEE_OTHER, headers={"Location": _KEYS})
    return new_keys.forget(response)


@console.get("/keys/<key_id>/revoke")
@needs(Role.OWNER)
@takes()
def ask_to_revoke(key_id: str) -> ResponseReturnValue:
    """Ask before a key is revoked."""
    found = service.get(current_context(), viewer().account, key_id)
    name = found.label or found.id
    return page(
        "confirm.html",
        title=f"Revoke the key {name}?",
        text="Programs that use it get 401 from their next request on. This cannot be undone.",
        url=path_prefix.add(f"{_KEYS}/{found.id}/revoke"),
        action="Revoke",
        cancel=path_prefix.add(_KEYS),
    )


@console.post("/keys/<key_id>/revoke")
@needs(Role.OWNER)
@takes()
def revoke_key(key_id: str) -> ResponseReturnValue:
    """Revoke a key at once."""
    service.revoke_as_user(current_context(), viewer().account, key_id, by=viewer().user_id)
    flash(f"The key {key_id} is revoked.")
    return Response(status=_SEE_OTHER, headers={"Location": _KEYS})


def _list(form: Form) -> Response:
    found = service.list_page(
        current_context(),
        viewer().account,
        after=request.args.get("cursor") or None,
        limit=ROWS + 1,
    )
    return page(
        "keys.html",
        keys=found[:ROWS],
        next_url=path_prefix.add(f"{_KEYS}?cursor={found[ROWS - 1].id}")
        if len(found) > ROWS
        else "",
        form=form,
        scopes=[(each.value, _SCOPES[each]) for each in Scope],
        expiries=[("", "never"), ("30", "in 30 days"), ("90", "in 90 days"), ("365", "in a year")],
    )


def _wanted(values: dict[str, str]) -> Wanted:
    if values["scope"] not in tuple(Scope):
        raise InvalidMember("scope", "The scope is unknown.", remedy="Choose one from the list.")
    if values["expiry"] and values["expiry"] not in _DAYS:
        raise InvalidMember("expiry", "The expiry is unknown.", remedy="Choose one from the list.")
    days = _DAYS.get(values["expiry"])
    return Wanted(
        label=values["label"].strip(),
        scope=Scope(values["scope"]),
        app=values["app"].strip() or None,
        expires_at=None if days is None else page_context.now() + timedelta(days=days),
    )


_SCOPES: Final = {
    Scope.READ: "read: view jobs and runs",
    Scope.BOOK: "book: also book, change and delete jobs",
    Scope.ADMIN: "admin: also secrets, keys and endpoints",
}
