"""Route by which a receiver reports the result of a run."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Response

from app.api import admission, auth, idempotency, negotiation, parameters
from app.api.context import current_context
from app.api.native.documents import completion as completion_document
from app.api.native.documents import run as run_document
from app.api.native.routes import request_body, responses
from app.api.native.routes.blueprint import native
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.run import LIVE
from app.domain.scope import Scope
from app.errors import Unauthenticated
from app.service import completions as service

_ACCEPTED: Final = 202


@native.post("/runs/<uuid:run_id>/complete")
@idempotency.naturally_idempotent
@needs(Scope.BOOK)
@takes(hint=f"Members of the document are: {', '.join(completion_document.COMPLETION.members)}.")
def complete_run(run_id: UUID) -> Response:
    """Record the result of a run that its receiver completes later than its response."""
    account_id = _account_id(run_id)
    media_type = responses.negotiate(negotiation.DOCUMENTS)
    completion = completion_document.read(request_body.receive())
    run = service.complete(current_context(), run_id, completion, account_id=account_id)
    status = _ACCEPTED if run.state in LIVE else 200
    return responses.render("run", run_document.render(run), media_type, status)


def _account_id(run_id: UUID) -> int | None:
    """The account of the API key; None for the run's own completion token, which has none."""
    token = auth.bearer()
    if token is not None and service.is_token_of(current_context(), run_id, token):
        parameters.check()
        return None
    try:
        return admission.admit().account.id
    except Unauthenticated:
        raise Unauthenticated(
            "The request has neither the completion token of this run nor a valid API key.",
            remedy="Send `Authorization: Bearer TOKEN` with the token of the call's "
            "Wakecall-Completion-Token header, or with an API key of the account.",
        ) from None
