"""Routes of the native API that tell of the account itself: its limits, secrets, accuracy."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from app.api import admission, negotiation
from app.api.native.documents import rotation as rotation_document
from app.api.native.documents.accuracy import of_account, of_accuracy
from app.api.native.routes import responses
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.scope import Scope
from app.service import accounts, limits
from app.service import accuracy as accuracy_service

account: Final = Blueprint("account", __name__, url_prefix="/1")


@account.get("/account")
@needs(Scope.READ)
@takes()
def show_account() -> Response:
    """The account itself: its name, its limits, and what it has of each."""
    owner = admission.admit().account
    media_type = responses.offer(negotiation.DOCUMENTS)
    return responses.listed("account", of_account(owner.name, limits.states(owner)), media_type)


@account.get("/secrets")
@needs(Scope.ADMIN)
@takes()
def list_secrets() -> Response:
    """The account's signing secrets that are valid now, newest first."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    found = rotation_document.of_secrets(accounts.secrets(caller.account.name))
    return _uncached(responses.listed("secrets", found, media_type))


@account.post("/secrets/rotate")
@needs(Scope.ADMIN)
@takes()
def rotate_secret() -> Response:
    """A new signing secret, first in the list of those that are valid now."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    found = accounts.rotate_secret(caller.account.name, overlap=rotation_document.overlap())
    answer = responses.listed("secrets", rotation_document.of_secrets(found), media_type)
    answer.status_code = 201
    return _uncached(answer)


@account.get("/accuracy")
@needs(Scope.READ)
@takes()
def accuracy() -> Response:
    """How late the account's calls began, in the last hour and the last day."""
    caller = admission.admit()
    media_type = responses.offer(negotiation.DOCUMENTS)
    return responses.listed("accuracy", of_accuracy(accuracy_service.of(caller)), media_type)


def _uncached(answer: Response) -> Response:
    """Nobody on the way may keep a secret; what is kept for a repeat is sealed for that."""
    answer.headers["Cache-Control"] = "no-store"
    return answer
