"""Idempotency: a request is processed once, and each repeat gets the stored response."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from sqlalchemy import Connection

from app.domain.account import Caller
from app.domain.idempotency import HEADER, KEPT_FOR, MAX_ANSWER, is_final
from app.errors import AnswerUnreadable, KeyReused, Misconfigured, StillRunning, TooLarge
from app.log import logger
from app.service.context import Context
from app.service.usage import within_limits
from app.store import idempotency as store

_HOURS: Final = int(KEPT_FOR.total_seconds()) // 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptResponse:
    """The HTTP response to a request; the body of a `secret` one is stored encrypted."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    secret: bool = False
    replayed: bool = False


class _Undone(Exception):
    """Rolls the transaction back: the response is sent, but nothing is stored."""

    def __init__(self, answer: KeptResponse) -> None:
        super().__init__()
        self.answer = answer


@within_limits
def perform_once(
    context: Context,
    caller: Caller,
    key: str,
    fingerprint: bytes,
    perform: Callable[[], KeptResponse],
) -> KeptResponse:
    """Return the response of `perform`, or the stored response of the key's earlier request.

    The effects of `perform` and its response are stored in one transaction: a process that dies
    leaves both or neither, and no lock. `fingerprint` identifies the request. Raises StillRunning,
    KeyReused, TooLarge, AnswerUnreadable.
    """
    account_id = caller.account.id
    try:
        with context.database.unit_of_work() as connection:
            if not store.lock(connection, account_id, key):
                raise StillRunning(
                    f"Another request with this {HEADER} is still being processed.",
                    member=HEADER,
                    remedy="Send the request again after the number of seconds in Retry-After.",
                )
            # This statement begins after the lock is held, so it sees what the last holder stored.
            kept = store.find(connection, account_id, key)
            if kept is not None:
                return _replay(context, kept, fingerprint)
            answer = _performed(connection, perform)
            store.keep(connection, account_id, key, _stored(context, answer, fingerprint))
            return answer
    except _Undone as undone:
        return undone.answer


def perform_and_roll_back(context: Context, perform: Callable[[], KeptResponse]) -> KeptResponse:
    """Return the response of `perform`, and undo its effects."""
    try:
        with context.database.unit_of_work():
            _leave(perform())
    except _Undone as undone:
        return undone.answer


def _leave(answer: KeptResponse) -> NoReturn:
    raise _Undone(answer)


def _performed(connection: Connection, perform: Callable[[], KeptResponse]) -> KeptResponse:
    """Return a final response. The effects of a request that is refused are undone."""
    savepoint = connection.begin_nested()
    answer = perform()
    if not is_final(answer.status):
        _leave(answer)
    if answer.status >= 400:  # noqa: PLR2004 - RFC 9110, 15.5
        savepoint.rollback()
    else:
        savepoint.commit()
    if len(answer.body) > MAX_ANSWER:
        raise TooLarge(
            f"The response is longer than {MAX_ANSWER} bytes, so it cannot be kept for a repeat.",
            member=HEADER,
            remedy=f"Request less at once, or omit {HEADER}.",
        )
    return answer


def _replay(context: Context, kept: store.StoredAnswer, fingerprint: bytes) -> KeptResponse:
    if kept.fingerprint != fingerprint:
        raise KeyReused(
            f"This {HEADER} was used for a different request within the last {_HOURS} hours.",
            member=HEADER,
            remedy="Use a new key for a new request. A repeat must have the same URL, "
            "Content-Type, X-Content-Signature and body as the first request.",
        )
    try:
        body = b64decode(context.secret_box.open(kept.body)) if kept.sealed else kept.body
    except Misconfigured as error:
        logger.error("answer.unreadable", error=error.message)
        raise AnswerUnreadable(
            "The request was processed when it was first sent, and is not processed again. Its "
            "stored response cannot be read, because this service does not have the key that "
            "encrypted the response.",
            member=HEADER,
            remedy="GET what the request created or changed (/1/secrets for a new secret).",
        ) from error
    return KeptResponse(
        status=kept.status, headers=kept.headers, body=body, secret=kept.sealed, replayed=True
    )


def _stored(context: Context, answer: KeptResponse, fingerprint: bytes) -> store.StoredAnswer:
    body = answer.body
    if answer.secret:
        body = context.secret_box.seal(b64encode(body).decode("ascii"))
    return store.StoredAnswer(
        fingerprint=fingerprint,
        status=answer.status,
        headers=answer.headers,
        body=body,
        sealed=answer.secret,
    )
