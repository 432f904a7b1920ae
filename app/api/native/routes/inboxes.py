"""Routes of inboxes: the test receivers of an account, and the calls that came to them."""

from __future__ import annotations

from uuid import UUID

from flask import Response, request

from app.api import admission, long_polls, negotiation
from app.api.context import current_context
from app.api.long_polls import Awaited
from app.api.native.documents import inbox as inbox_document
from app.api.native.documents.inbox import AFTER, WAIT
from app.api.native.routes import paging, request_body, responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.inbox import KEPT_CALLS, Inbox
from app.domain.scope import Scope
from app.service import inboxes as service


@native.get("/inboxes")
@needs(Scope.READ)
@takes()
def list_inboxes() -> Response:
    """List the account's inboxes, oldest first; as text, a URL on each line."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.TEXT_LAST)
    found = service.list_inboxes(current_context(), caller.account)
    if media_type == negotiation.TEXT:
        return _text("".join(f"{_url(each)}\n" for each in found))
    return responses.render(
        "inboxes", [inbox_document.render(each, _url(each)) for each in found], media_type
    )


@native.post("/inboxes")
@needs(Scope.BOOK)
@takes()
def create_inbox() -> Response:
    """Create an inbox; as text, its URL. Without a body it has no label and answers 204."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.WITH_TEXT)
    label, answer = inbox_document.read(request_body.receive() if _has_body() else None)
    made = service.create_for(current_context(), caller, label=label, answer=answer)
    if media_type == negotiation.TEXT:
        response = _text(_url(made), 201)
    else:
        response = responses.render(
            "inbox", inbox_document.render(made, _url(made)), media_type, 201
        )
    response.headers["Location"] = f"/1/inboxes/{made.id}"
    return response


@native.get("/inboxes/<uuid:inbox_id>")
@needs(Scope.READ)
@takes()
def get_inbox(inbox_id: UUID) -> Response:
    """Show an inbox; as text, its URL."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.TEXT_LAST)
    return _render(service.get(current_context(), caller.account, inbox_id), media_type)


@native.put("/inboxes/<uuid:inbox_id>")
@needs(Scope.BOOK)
@takes()
def change_inbox(inbox_id: UUID) -> Response:
    """Give an inbox another label and answer."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.TEXT_LAST)
    label, answer = inbox_document.read(request_body.receive())
    changed = service.change(current_context(), caller, inbox_id, label=label, answer=answer)
    return _render(changed, media_type)


@native.delete("/inboxes/<uuid:inbox_id>")
@needs(Scope.BOOK)
@takes()
def delete_inbox(inbox_id: UUID) -> Response:
    """Delete an inbox with its calls."""
    service.delete(current_context(), admission.admit(), inbox_id)
    return Response(status=204)


@native.get("/inboxes/<uuid:inbox_id>/calls")
@needs(Scope.READ)
@takes(AFTER, WAIT, paging.LIMIT, paging.CURSOR)
def list_inbox_calls(inbox_id: UUID) -> Response:
    """List the calls to an inbox, newest first; with `after` or `wait` those that follow."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    limit = paging.parse_limit() or KEPT_CALLS
    tail = inbox_document.parse_tail(request.args)
    if tail is None:
        below = inbox_document.parse_cursor(request.args)
        calls = service.list_calls(
            current_context(), caller.account, inbox_id, below=below, limit=limit + 1
        )
    else:
        calls = service.list_calls_after(
            current_context(), caller.account, inbox_id, after=tail.after, limit=limit
        )
        if not calls and tail.wait_s:
            long_polls.wait_for(Awaited(inbox_id=inbox_id, after=tail.after, wait_s=tail.wait_s))
    return responses.render_page(
        "calls",
        calls,
        inbox_document.render_call,
        lambda call: str(call.number),
        limit=limit,
        media_type=media_type,
    )


@native.get("/inboxes/<uuid:inbox_id>/calls/<call_number>")
@needs(Scope.READ)
@takes()
def get_inbox_call(inbox_id: UUID, call_number: str) -> Response:
    """Show a call to an inbox."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    number = inbox_document.parse_number(call_number)
    call = service.get_call(current_context(), caller.account, inbox_id, number)
    return responses.render("call", inbox_document.render_call(call), media_type)


def _render(inbox: Inbox, media_type: str) -> Response:
    if media_type == negotiation.TEXT:
        return _text(_url(inbox))
    return responses.render("inbox", inbox_document.render(inbox, _url(inbox)), media_type)


def _url(inbox: Inbox) -> str:
    return service.url_of(current_context(), inbox)


def _text(text: str, status: int = 200) -> Response:
    return Response(text, status, content_type=responses.CONTENT_TYPES[negotiation.TEXT])


def _has_body() -> bool:
    return bool(request.content_length) or "Transfer-Encoding" in request.headers
