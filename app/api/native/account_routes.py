"""Routes of the native API that tell of the account itself: its secrets."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from app.api import admission, negotiation
from app.api.native import answers, rotation
from app.service import accounts

account: Final = Blueprint("account", __name__, url_prefix="/1")


@account.get("/secrets")
def list_secrets() -> Response:
    """The account's signing secrets that are valid now, newest first."""
    caller = admission.admit()
    media_type = answers.offer(negotiation.DOCUMENTS)
    found = rotation.of_secrets(accounts.secrets(caller.account.name))
    return _uncached(answers.listed("secrets", found, media_type))


@account.post("/secrets/rotate")
def rotate_secret() -> Response:
    """A new signing secret, first in the list of those that are valid now."""
    caller = admission.admit()
    media_type = answers.offer(negotiation.DOCUMENTS)
    found = accounts.rotate_secret(caller.account.name, overlap=rotation.overlap())
    answer = answers.listed("secrets", rotation.of_secrets(found), media_type)
    answer.status_code = 201
    return _uncached(answer)


def _uncached(answer: Response) -> Response:
    """Nobody on the way may keep a secret; what is kept for a repeat is sealed for that."""
    answer.headers["Cache-Control"] = "no-store"
    return answer
