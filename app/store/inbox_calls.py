"""Inbox calls: what came to inboxes, written in batches, kept for a day, and read by number."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Row, Select, select

from app.domain.inbox import KEPT_CALLS, KEPT_HOURS, Answer, InboxCall, NewCall, Received, Signature
from app.store.tables import inbox, inbox_call

# The secrets of the account are read with its inbox, to check the signatures of calls.
_FIND: Final = """
SELECT i.token, i.id, i.account_id, i.answer, clock_timestamp(), ARRAY(
  SELECT s.sealed FROM signing_secret s
  WHERE s.account_id = i.account_id
    AND (s.expires_at IS NULL OR s.expires_at > clock_timestamp())
  ORDER BY s.id DESC)
FROM inbox i WHERE i.token = ANY (%(tokens)s)
"""

# In the order of their ids, because two processes may write calls of the same inboxes.
_LOCK: Final = """
SELECT id, last_number FROM inbox WHERE id = ANY (%(ids)s) ORDER BY id FOR NO KEY UPDATE
"""

_ADVANCE: Final = """
UPDATE inbox SET last_number = %(last_number)s,
                 last_call_at = greatest(last_call_at, %(received_at)s)
WHERE id = %(id)s
"""

_INSERT: Final = """
INSERT INTO inbox_call (inbox_id, number, received_at, method, path, query, headers, body,
                        body_bytes, signature, answer, run_id, attempt, scheduled_for)
VALUES (%(inbox_id)s, %(number)s, %(received_at)s, %(method)s, %(path)s, %(query)s, %(headers)s,
        %(body)s, %(body_bytes)s, %(signature)s, %(answer)s, %(run_id)s, %(attempt)s,
        %(scheduled_for)s)
"""

_TRIM: Final = "DELETE FROM inbox_call WHERE inbox_id = %(id)s AND number <= %(number)s"

_LATEST: Final = "SELECT id, last_number FROM inbox WHERE id = ANY (%(ids)s)"

_PURGE: Final = """
DELETE FROM inbox_call WHERE (inbox_id, number) IN (
  SELECT inbox_id, number FROM inbox_call
  WHERE received_at < trusted_clock() - make_interval(hours => %(hours)s)
  ORDER BY received_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""


class OpenInbox(NamedTuple):
    """What is needed to answer a call to an inbox."""

    id: UUID
    account_id: int
    answer: Answer
    now: datetime
    """The database's clock."""

    sealed_secrets: tuple[bytes, ...]
    """The valid signing secrets of its account, newest first."""


def find_open(connection: psycopg.Connection, tokens: Collection[str]) -> dict[str, OpenInbox]:
    """Return the inboxes of those of these tokens that an inbox has."""
    rows = connection.execute(_FIND, {"tokens": list(tokens)})
    return {
        token: OpenInbox(inbox_id, account_id, Answer(answer), now, tuple(map(bytes, sealed)))
        for token, inbox_id, account_id, answer, now, sealed in rows
    }


def store(connection: psycopg.Connection, calls: Sequence[NewCall]) -> list[int | None]:
    """Store these calls; return the number of each, None if its inbox was deleted.

    Of each inbox the newest KEPT_CALLS are kept. Needs a transaction.
    """
    ids = list({call.inbox_id for call in calls})
    last: dict[UUID, int] = dict(connection.execute(_LOCK, {"ids": ids}).fetchall())
    newest: dict[UUID, datetime] = {}
    numbers: list[int | None] = []
    for call in calls:
        if call.inbox_id in last:
            last[call.inbox_id] += 1
            newest[call.inbox_id] = call.received.received_at
        numbers.append(last.get(call.inbox_id))
    rows = [
        _row(call, number)
        for call, number in zip(calls, numbers, strict=True)
        if number is not None and number > last[call.inbox_id] - KEPT_CALLS
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, rows)
        for inbox_id, number in last.items():
            if inbox_id in newest:
                advanced = {"id": inbox_id, "last_number": number, "received_at": newest[inbox_id]}
                cursor.execute(_ADVANCE, advanced)
                cursor.execute(_TRIM, {"id": inbox_id, "number": number - KEPT_CALLS})
    return numbers


def latest(connection: psycopg.Connection, ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the number of the newest call of each of these inboxes that still exists."""
    return dict(connection.execute(_LATEST, {"ids": list(ids)}).fetchall())


def newest_first(
    connection: Connection, inbox_id: UUID, *, below: int | None, limit: int
) -> tuple[InboxCall, ...]:
    """Return the newest `limit` calls of an inbox with numbers less than `below`."""
    query = _of(inbox_id).order_by(inbox_call.c.number.desc()).limit(limit)
    if below is not None:
        query = query.where(inbox_call.c.number < below)
    return tuple(map(_call, connection.execute(query)))


def oldest_after(
    connection: Connection, inbox_id: UUID, *, after: int, limit: int
) -> tuple[InboxCall, ...]:
    """Return the oldest `limit` calls of an inbox with numbers greater than `after`."""
    query = _of(inbox_id).where(inbox_call.c.number > after).order_by(inbox_call.c.number)
    return tuple(map(_call, connection.execute(query.limit(limit))))


def find(connection: Connection, account_id: int, inbox_id: UUID, number: int) -> InboxCall | None:
    """Return a call to an inbox of the account; None if it is not kept."""
    query = (
        _of(inbox_id)
        .join(inbox, inbox.c.id == inbox_call.c.inbox_id)
        .where(inbox_call.c.number == number, inbox.c.account_id == account_id)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _call(row)


def purge(connection: psycopg.Connection, *, limit: int) -> int:
    """Delete up to `limit` calls that came more than KEPT_HOURS ago; return how many."""
    return connection.execute(_PURGE, {"hours": KEPT_HOURS, "limit": limit}).rowcount


def _row(call: NewCall, number: int) -> dict[str, Any]:
    received = call.received
    return {
        "inbox_id": call.inbox_id,
        "number": number,
        "received_at": received.received_at,
        "method": received.method,
        "path": received.path,
        "query": received.query,
        "headers": Jsonb(received.headers),
        "body": received.body,
        "body_bytes": received.body_bytes,
        "signature": str(received.signature),
        "answer": str(call.answer),
        "run_id": received.run_id,
        "attempt": received.attempt,
        "scheduled_for": received.scheduled_for,
    }


def _of(inbox_id: UUID) -> Select[Any]:
    return select(*inbox_call.c).where(inbox_call.c.inbox_id == inbox_id)


def _call(row: Row[Any]) -> InboxCall:
    received = Received(
        received_at=row.received_at,
        method=row.method,
        path=row.path,
        query=row.query,
        headers=tuple((name, value) for name, value in row.headers),
        body=bytes(row.body),
        body_bytes=row.body_bytes,
        signature=Signature(row.signature),
        run_id=row.run_id,
        attempt=row.attempt,
        scheduled_for=row.scheduled_for,
    )
    return InboxCall(number=row.number, answer=Answer(row.answer), received=received)
