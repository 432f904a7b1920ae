"""Audit page: which changes were made to the account, by whom and from where."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from flask import Response, request
from flask.typing import ResponseReturnValue

from app.api import path_prefix
from app.api.context import current_context
from app.api.native.documents import audit as document
from app.api.parameters import takes
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.domain.audit import Action, Entry, EntryFilter
from app.domain.role import Role
from app.service import audit as service

ROWS: Final = 50
_AUDIT: Final = f"{PREFIX}/audit"
_FIELDS: Final = {"cursor": "", "after": "", "before": ""}
"""Parameters that no field of the page stands for."""


@console.get("/audit")
@needs(Role.OWNER)
@takes(*document.PARAMETERS)
def list_audit() -> ResponseReturnValue:
    """Show a page of the records that the filters select, newest first."""
    given = {name: text for name, text in request.args.items() if text}
    try:
        wanted, below = document.parse(given)
    except SHOWN as error:
        return _page(given, (), refused(error, given, _FIELDS))
    return _page(given, _read(wanted, below), Form(values=given))


def _read(wanted: EntryFilter, below: int | None) -> tuple[Entry, ...]:
    return service.list_page(
        current_context(), viewer().account, wanted, below=below, limit=ROWS + 1
    )


def _page(given: dict[str, str], found: tuple[Entry, ...], form: Form) -> Response:
    narrowed = {name: text for name, text in given.items() if name != document.CURSOR}
    older = ""
    if len(found) > ROWS:
        query = urlencode({**narrowed, document.CURSOR: str(found[ROWS - 1].id)})
        older = path_prefix.add(f"{_AUDIT}?{query}")
    return page(
        "audit.html",
        entries=found[:ROWS],
        form=form,
        older=older,
        is_narrow=bool(narrowed),
        actions=[("", "any"), *((each.value, each.value) for each in Action)],
    )
