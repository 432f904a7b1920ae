"""Outbox: mail that is to be sent, stored in the transaction that it reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, func, insert, select, text

from app.store.tables import outbox

KEPT: Final = timedelta(days=7)
"""How long it is stored to whom mail was sent; its text is deleted when it has been sent."""

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('mail to ' || :recipient, 0))")
_LEASE: Final = timedelta(minutes=2)

# A process that ends while it sends leaves the mail to the next turn after the lease.
_TAKE: Final = """
UPDATE outbox SET attempts = attempts + 1, next_at = clock_timestamp() + %(lease)s
WHERE id = (SELECT id FROM outbox WHERE next_at <= clock_timestamp()
            ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, recipient, subject, sealed, attempts
"""
_SENT: Final = """
UPDATE outbox SET sent_at = clock_timestamp(), next_at = NULL, sealed = NULL, error = NULL
WHERE id = %(id)s
"""
_RETRY: Final = """
UPDATE outbox SET next_at = clock_timestamp() + %(wait)s, error = %(error)s WHERE id = %(id)s
"""
_GIVE_UP: Final = """
UPDATE outbox SET next_at = NULL, sealed = NULL, error = %(error)s WHERE id = %(id)s
"""
_PURGE: Final = """
DELETE FROM outbox WHERE id = ANY (ARRAY(
  SELECT id FROM outbox WHERE created_at < trusted_clock() - %(kept)s
  ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A mail that this process has taken to send it."""

    id: int
    recipient: str
    subject: str
    sealed: bytes
    """The encrypted text, which may hold a link."""
    attempts: int
    """How often it was taken, this time included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedMail:
    """A mail as the operator sees it, without its text."""

    id: int
    recipient: str
    subject: str
    created_at: datetime
    next_at: datetime | None
    """When it is sent, or sent again; None if it was sent or given up."""
    attempts: int
    sent_at: datetime | None
    error: str | None


def add(connection: Connection, recipient: str, subject: str, sealed: bytes) -> None:
    """Store a mail to be sent at once."""
    connection.execute(insert(outbox).values(recipient=recipient, subject=subject, sealed=sealed))


def lock_recipient(connection: Connection, recipient: str) -> None:
    """Let no other transaction that calls this store mail for a recipient until this one ends."""
    connection.execute(_LOCK, {"recipient": recipient})


def count_recent(connection: Connection, recipient: str, subject: str, within: timedelta) -> int:
    """Return how many mails with this subject were stored for a recipient in this time.

    Exact under `lock_recipient`.
    """
    query = select(func.count()).where(
        outbox.c.created_at > func.clock_timestamp() - within,
        outbox.c.recipient == recipient,
        outbox.c.subject == subject,
    )
    return int(connection.execute(query).scalar_one())


def take(connection: psycopg.Connection) -> Letter | None:
    """Take the mail that is due first; no other process takes it for two minutes."""
    row = connection.execute(_TAKE, {"lease": _LEASE}).fetchone()
    if row is None:
        return None
    return Letter(
        id=row[0], recipient=row[1], subject=row[2], sealed=bytes(row[3]), attempts=row[4]
    )


def sent(connection: psycopg.Connection, letter_id: int) -> None:
    """Store that a mail was sent."""
    connection.execute(_SENT, {"id": letter_id})


def retry(connection: psycopg.Connection, letter_id: int, error: str, wait: timedelta) -> None:
    """Store why a mail was not sent, and when it is tried again."""
    connection.execute(_RETRY, {"id": letter_id, "error": error[:500], "wait": wait})


def give_up(connection: psycopg.Connection, letter_id: int, error: str) -> None:
    """Store why a mail is never sent."""
    connection.execute(_GIVE_UP, {"id": letter_id, "error": error[:500]})


def list_newest(connection: Connection, *, limit: int) -> tuple[ListedMail, ...]:
    """Return the newest mails."""
    columns: tuple[Any, ...] = (
        outbox.c.id,
        outbox.c.recipient,
        outbox.c.subject,
        outbox.c.created_at,
        outbox.c.next_at,
        outbox.c.attempts,
        outbox.c.sent_at,
        outbox.c.error,
    )
    rows = connection.execute(select(*columns).order_by(outbox.c.id.desc()).limit(limit))
    return tuple(ListedMail(**row._asdict()) for row in rows)


def purge(connection: psycopg.Connection, *, limit: int) -> int:
    """Delete up to `limit` mails that are older than KEPT; return how many."""
    return connection.execute(_PURGE, {"kept": KEPT, "limit": limit}).rowcount
