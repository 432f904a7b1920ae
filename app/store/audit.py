"""Audit: the records of changes to accounts, written in the transactions of the changes."""

from __future__ import annotations

from datetime import datetime
from secrets import randbelow
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Row, select

from app.domain.audit import Action, Actor, Entry, EntryFilter
from app.store.tables import audit

KEPT: Final = 10_000
"""How many records of an account are kept."""

_TRIMMED_EVERY: Final = 100
"""One of how many inserts deletes what is beyond KEPT."""

_ADD: Final = """
INSERT INTO audit (account_id, key_id, user_email, address, action, object, detail)
VALUES (%(account_id)s, %(key_id)s, %(user)s, %(address)s, %(action)s, %(object)s, %(detail)s)
"""

_TRIM: Final = """
DELETE FROM audit WHERE id = ANY (ARRAY(
  SELECT id FROM audit WHERE account_id = %(account_id)s
    AND id <= (SELECT id FROM audit WHERE account_id = %(account_id)s
               ORDER BY id DESC OFFSET %(kept)s LIMIT 1)
  ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED))
"""

_PURGE: Final = """
DELETE FROM audit WHERE id = ANY (ARRAY(
  SELECT id FROM audit WHERE at < %(first_kept)s ORDER BY at LIMIT %(limit)s
  FOR UPDATE SKIP LOCKED))
"""


def add(
    connection: psycopg.Connection,
    account_id: int | None,
    actor: Actor,
    action: Action,
    object_: str,
    detail: str | None,
) -> None:
    """Record a change. `account_id` is None if the account is not to outlive the change."""
    connection.execute(
        _ADD,
        {
            "account_id": account_id,
            "key_id": actor.key_id,
            "user": actor.user,
            "address": actor.address,
            "action": str(action),
            "object": object_,
            "detail": detail,
        },
    )
    # Counting on every insert would cost more than the insert. Which inserts count is random: if it
    # depended on the ids of records, two accounts that insert in turn could leave one uncounted.
    if not randbelow(_TRIMMED_EVERY):
        connection.execute(_TRIM, {"account_id": account_id, "kept": KEPT})


def list_page(
    connection: Connection, account_id: int, wanted: EntryFilter, *, below: int | None, limit: int
) -> tuple[Entry, ...]:
    """Return the newest `limit` records of an account with ids less than `below`, newest first."""
    query = select(audit).where(audit.c.account_id == account_id)
    if below is not None:
        query = query.where(audit.c.id < below)
    if wanted.action is not None:
        query = query.where(audit.c.action == wanted.action)
    if wanted.key_id is not None:
        query = query.where(audit.c.key_id == wanted.key_id)
    if wanted.user is not None:
        query = query.where(audit.c.user_email == wanted.user)
    if wanted.after is not None:
        query = query.where(audit.c.at >= wanted.after)
    if wanted.before is not None:
        query = query.where(audit.c.at < wanted.before)
    rows = connection.execute(query.order_by(audit.c.id.desc()).limit(limit))
    return tuple(map(_entry, rows))


def purge(connection: psycopg.Connection, first_kept: datetime, *, limit: int) -> int:
    """Delete up to `limit` records that are older than `first_kept`; return how many."""
    return connection.execute(_PURGE, {"first_kept": first_kept, "limit": limit}).rowcount


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        at=row.at,
        actor=Actor(key_id=row.key_id, user=row.user_email, address=row.address),
        action=row.action,
        object=row.object,
        detail=row.detail,
    )
