"""Completion: the document in which a receiver says what came of a run, and its route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response

from app.api import admission, auth, idempotency, negotiation, parameters
from app.api.native.codecs import json_codec, xml_codec
from app.api.native.documents.run import of_run
from app.api.native.routes import request_body, responses
from app.api.parameters import takes
from app.api.scopes import needs
from app.domain.checks import escaped, quoted
from app.domain.completion import MAX_MESSAGE, Completion, Said
from app.domain.run import LIVE
from app.domain.scope import Scope
from app.errors import InvalidMember, Unauthenticated
from app.service import completions as service

ROOT: Final = "completion"
STATUS: Final = "status"
MESSAGE: Final = "message"

_MEMBERS: Final = (STATUS, MESSAGE)
_EXAMPLE: Final = f'{{"{STATUS}": "{Said.SUCCEEDED}"}}'
_ACCEPTED: Final = 202

completion: Final = Blueprint("completion", __name__, url_prefix="/1")


@completion.post("/runs/<uuid:run_id>/complete")
@idempotency.needless
@needs(Scope.BOOK)
@takes(hint=f"Members of the document are: {', '.join(_MEMBERS)}.")
def complete_run(run_id: UUID) -> Response:
    """What came of a run, said later by its receiver."""
    account_id = _account(run_id)
    media_type = responses.offer(negotiation.DOCUMENTS)
    said = request_body.read(from_json, from_xml)
    run = service.complete(run_id, said, account_id=account_id)
    status = _ACCEPTED if run.state in LIVE else 200
    return responses.listed("run", of_run(run), media_type, status)


def from_json(body: bytes) -> Completion:
    """The completion in a JSON document; raises MalformedDocument and InvalidMember."""
    members = json_codec.object_of(body, example=_EXAMPLE)
    for name, value in members.items():
        _check_name(name)
        if value is not None and type(value) is not str:
            raise InvalidMember(
                name,
                f"{name} is {json_codec.kind(value)}, not a string.",
                remedy="Give a string." if name == STATUS else "Give a string, or leave it out.",
            )
    return _completion(members)


def from_xml(body: bytes, charset: str | None) -> Completion:
    """The completion in an XML document; raises MalformedDocument and InvalidMember."""
    texts = xml_codec.texts_of(body, charset, ROOT)
    for name in texts:
        _check_name(name)
    return _completion(texts)


def _account(run_id: UUID) -> int | None:
    """The account that asks; None where the run's own token does, which stands for no account."""
    token = auth.bearer()
    if token is not None and service.is_token_of(run_id, token):
        parameters.check()
        return None
    try:
        return admission.admit().account.id
    except Unauthenticated:
        raise Unauthenticated(
            "There is neither the completion token of this run nor a valid API key.",
            remedy="Send `Authorization: Bearer TOKEN` with what came as "
            "Wakecall-Completion-Token, or with an API key of the account.",
        ) from None


def _completion(texts: Mapping[str, Any]) -> Completion:
    status, message = texts.get(STATUS), texts.get(MESSAGE)
    if status not in set(Said):
        told = "missing" if status is None else quoted(status)
        raise InvalidMember(
            STATUS,
            f"{STATUS} is {told}.",
            remedy=f"Say {' or '.join(quoted(each) for each in Said)}.",
        )
    if message is not None:
        _check_message(message)
    return Completion(said=Said(status), message=message or None)


def _check_message(message: str) -> None:
    if len(message) > MAX_MESSAGE:
        raise InvalidMember(
            MESSAGE,
            f"{MESSAGE} has {len(message)} characters.",
            remedy=f"Give at most {MAX_MESSAGE} characters.",
        )
    # Neither has a place in text: NUL in that of PostgreSQL, half a pair in that of anybody.
    if any(each == "\0" or "\ud800" <= each <= "\udfff" for each in message):
        raise InvalidMember(
            MESSAGE,
            f"{MESSAGE} holds U+0000 or half of a surrogate pair.",
            remedy="Send whole characters.",
        )


def _check_name(name: str) -> None:
    if name not in _MEMBERS:
        raise InvalidMember(
            escaped(name),
            f"A completion has no member {quoted(name)}.",
            remedy=f"Its members are: {', '.join(_MEMBERS)}.",
        )
