"""Inbox pages: the test receivers of the account, the calls they received, and their responses."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Response, flash, redirect, request
from flask.typing import ResponseReturnValue

from app.api.context import current_context
from app.api.native.documents import inbox as inbox_document
from app.api.parameters import takes
from app.console import payloads
from app.console.access import needs, viewer
from app.console.blueprint import PREFIX, console
from app.console.elements import to
from app.console.forms import SHOWN, Form, refused
from app.console.rendering import page
from app.domain import inbox as domain
from app.domain.inbox import Answer
from app.domain.role import Role
from app.errors import InvalidMember
from app.service import inboxes as service

_POLL_S: Final = 2
_ROWS: Final = 25
_SEE_OTHER: Final = 303

ANSWERS: Final = {
    Answer.OK: ("204", "Success, immediately."),
    Answer.ERROR: ("500", "A failure, so that the call is retried."),
    Answer.BUSY: (
        "429",
        f"Too many calls, with Retry-After: {domain.BUSY_S}. Calls to all inboxes wait that long.",
    ),
    Answer.LATER: ("202", "Accepted. The run stays running until you complete it, within an hour."),
    Answer.WAIT: (
        f"Wait {domain.SLOW_S:.0f} s",
        "Then 204. A call times out after 15 s, unless its job sets another timeout.",
    ),
}
"""The name of each response on its button, and what it means."""


@console.get("/inbox")
@needs(Role.READER)
@takes()
def list_inboxes() -> ResponseReturnValue:
    """Show the account's inboxes."""
    return _list(Form())


@console.post("/inbox")
@needs(Role.MEMBER)
@takes()
def create_inbox() -> ResponseReturnValue:
    """Create an inbox, and show it."""
    label = request.form.get("label", "").strip()
    try:
        made = service.create_for(current_context(), viewer().caller, label=label)
    except SHOWN as error:
        return _list(refused(error, {"label": label}))
    return redirect(f"{PREFIX}/inbox/{made.id}", _SEE_OTHER)


@console.get("/inbox/<uuid:inbox_id>")
@needs(Role.READER)
@takes(inbox_document.CURSOR)
def show_inbox(inbox_id: UUID) -> ResponseReturnValue:
    """Show an inbox with its newest calls, or with those below the `cursor`."""
    inbox = service.get(current_context(), viewer().account, inbox_id)
    below = inbox_document.parse_cursor(request.args)
    calls = service.list_calls(
        current_context(), viewer().account, inbox_id, below=below, limit=_ROWS + 1
    )
    older = to(f"inbox/{inbox_id}?cursor={calls[_ROWS - 1].number}") if len(calls) > _ROWS else ""
    return page(
        "inbox.html",
        live=_POLL_S if below is None else 0,
        inbox=inbox,
        url=service.url_of(current_context(), inbox),
        calls=calls[:_ROWS],
        older=older,
        is_first=below is None,
        deletion=DELETION,
        answers=ANSWERS,
        may_change=viewer().may_change,
    )


@console.post("/inbox/<uuid:inbox_id>/answer")
@needs(Role.MEMBER)
@takes()
def choose_answer(inbox_id: UUID) -> ResponseReturnValue:
    """Change the response of the inbox, from the next call on."""
    given = request.form.get("answer", "")
    if given not in tuple(Answer):
        raise InvalidMember(
            "answer", "The response is unknown.", remedy="Choose one of those on the page."
        )
    inbox = service.get(current_context(), viewer().account, inbox_id)
    service.change(
        current_context(), viewer().caller, inbox_id, label=inbox.label, answer=Answer(given)
    )
    flash(f"The inbox now responds with: {ANSWERS[Answer(given)][0]}.")
    return redirect(f"{PREFIX}/inbox/{inbox_id}", _SEE_OTHER)


@console.get("/inbox/<uuid:inbox_id>/delete")
@needs(Role.MEMBER)
@takes()
def ask_to_delete_inbox(inbox_id: UUID) -> ResponseReturnValue:
    """Ask whether to delete an inbox."""
    inbox = service.get(current_context(), viewer().account, inbox_id)
    return page(
        "confirm.html",
        title="Delete this inbox?",
        text=DELETION,
        action="Delete inbox",
        url=to(f"inbox/{inbox.id}/delete"),
        cancel=to(f"inbox/{inbox.id}"),
    )


@console.post("/inbox/<uuid:inbox_id>/delete")
@needs(Role.MEMBER)
@takes()
def delete_inbox(inbox_id: UUID) -> ResponseReturnValue:
    """Delete an inbox with its calls."""
    service.delete(current_context(), viewer().caller, inbox_id)
    flash("The inbox is deleted.")
    return redirect(f"{PREFIX}/inbox", _SEE_OTHER)


@console.get("/inbox/<uuid:inbox_id>/calls/<call_number>")
@needs(Role.READER)
@takes()
def show_inbox_call(inbox_id: UUID, call_number: str) -> ResponseReturnValue:
    """Show a call to an inbox with its headers and its body."""
    inbox = service.get(current_context(), viewer().account, inbox_id)
    call = service.get_call(
        current_context(), viewer().account, inbox_id, inbox_document.parse_number(call_number)
    )
    received = call.received
    return page(
        "inbox_call.html",
        inbox=inbox,
        call=call,
        body=payloads.shown(received.body, is_beginning=received.body_bytes > len(received.body)),
        answers=ANSWERS,
    )


def _list(form: Form) -> Response:
    found = service.list_inboxes(current_context(), viewer().account)
    return page(
        "inboxes.html",
        live=0 if form.problem else _POLL_S,
        inboxes=found,
        urls={each.id: service.url_of(current_context(), each) for each in found},
        form=form,
        most=domain.MAX_INBOXES,
        answers=ANSWERS,
        may_change=viewer().may_change,
    )


DELETION: Final = (
    "Its recorded calls are deleted too. Jobs that still use its URL get the status 404, and their "
    "runs fail after the retries."
)
"""The effect of deleting an inbox."""
