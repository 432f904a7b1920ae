"""Idempotency: a request is done once, and its answer given as often as it is asked for."""

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
    """What a request came to, as HTTP tells it; a `secret` one is sealed where it is kept."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    secret: bool = False
    replayed: bool = False


class _Undone(Exception):
    """The answer is given, but neither kept nor is anything that was done for it."""

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
    """The answer of `perform`, or of the request that came with this key before.

    What is done and the answer that tells of it are one transaction: a process that dies leaves
    both or neither, and no lock. Raises StillRunning, KeyReused, TooLarge.
    """
    account_id = caller.account.id
    try:
        with context.database.unit_of_work() as connection:
            if not store.lock(connection, account_id, key):
                raise StillRunning(
                    f"A request with this {HEADER} is being answered just now.",
                    member=HEADER,
                    remedy="Send it again after the seconds that Retry-After names.",
                )
            # A later statement than the lock: it sees what the lock's last holder committed.
            kept = store.find(connection, account_id, key)
            if kept is not None:
                return _replay(context, kept, fingerprint)
            answer = _performed(connection, perform)
            store.keep(connection, account_id, key, _stored(context, answer, fingerprint))
            return answer
    except _Undone as undone:
        return undone.answer


def perform_and_roll_back(context: Context, perform: Callable[[], KeptResponse]) -> KeptResponse:
    """The answer of `perform`, of which nothing else remains."""
    try:
        with context.database.unit_of_work():
            _leave(perform())
    except _Undone as undone:
        return undone.answer


def _leave(answer: KeptResponse) -> NoReturn:
    raise _Undone(answer)


def _performed(connection: Connection, perform: Callable[[], KeptResponse]) -> KeptResponse:
    """A final answer; a refusal comes without anything that was done before it was known."""
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
            f"The answer has more than the {MAX_ANSWER} bytes that are kept for a repeat.",
            member=HEADER,
            remedy=f"Ask for less at once, or leave {HEADER} out.",
        )
    return answer


def _replay(context: Context, kept: store.StoredAnswer, fingerprint: bytes) -> KeptResponse:
    if kept.fingerprint != fingerprint:
        raise KeyReused(
            f"Another request came with this {HEADER} within the last {_HOURS} hours.",
            member=HEADER,
            remedy="Send a new key with a new request; a repeat has the same address, "
            "Content-Type, X-Content-Signature and body.",
        )
    try:
        body = b64decode(context.secret_box.open(kept.body)) if kept.sealed else kept.body
    except Misconfigured as error:
        logger.error("answer.unreadable", error=error.message)
        raise AnswerUnreadable(
            "The request was done when it first came, and is not done again; its answer cannot be "
            "read, because this service lacks the key that the answer was sealed with.",
            member=HEADER,
            remedy="GET what the request was to make or to change (/1/secrets for a new secret).",
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
