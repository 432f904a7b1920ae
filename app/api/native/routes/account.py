"""Routes of the account: its limits, its signing secrets and the accuracy of its calls."""

from __future__ import annotations

from flask import Response

from app.api import admission, bodies, negotiation
from app.api.context import current_context
from app.api.native.documents import account as account_document
from app.api.native.documents import accuracy as accuracy_document
from app.api.native.documents import rotation as rotation_document
from app.api.native.routes import request_body, responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.scope import Scope
from app.domain.secret import DEFAULT_OVERLAP
from app.service import accounts, limits
from app.service import accuracy as accuracy_service


@native.get("/account")
@needs(Scope.READ)
@takes()
def show_account() -> Response:
    """Show the account's name and dates, the key, the limits and how much of each is used."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    context = current_context()
    members = account_document.render(
        caller,
        accounts.get_dates(context, caller.account),
        limits.states(context, caller.account),
    )
    return responses.render("account", members, media_type)


@native.get("/secrets")
@needs(Scope.ADMIN)
@takes()
def list_secrets() -> Response:
    """List the account's valid signing secrets, newest first."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    members = rotation_document.render_secrets(
        accounts.list_secrets(current_context(), caller.account.name)
    )
    return responses.forbid_caching(responses.render("secrets", members, media_type))


@native.post("/secrets/rotate")
@needs(Scope.ADMIN)
@takes()
def rotate_secret() -> Response:
    """Make a new signing secret, and list all valid ones with the new one first."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    overlap = DEFAULT_OVERLAP
    if bodies.keep():
        overlap = rotation_document.read_overlap(request_body.receive())
    secrets = accounts.rotate_secret(current_context(), caller.account.name, overlap=overlap)
    members = rotation_document.render_secrets(secrets)
    return responses.forbid_caching(responses.render("secrets", members, media_type, 201))


@native.get("/accuracy")
@needs(Scope.READ)
@takes()
def show_accuracy() -> Response:
    """Show how late the account's calls began, in the last hour and the last day."""
    caller = admission.admit()
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    members = accuracy_document.render(accuracy_service.get_accuracy(current_context(), caller))
    return responses.render("accuracy", members, media_type)
