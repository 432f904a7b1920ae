"""Audit: records changes to accounts with who makes them, and lists the records."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

import psycopg
from sqlalchemy import Connection

from app.domain.account import Account
from app.domain.audit import Action, Actor, Entry, EntryFilter
from app.service.context import Context
from app.store import audit as store
from app.store.database import driver_of

OPERATOR: Final = Actor()

acting: Final[ContextVar[Actor]] = ContextVar("acting", default=OPERATOR)
"""Who makes the changes of this thread. The web sets it for every request."""


def actor_name() -> str | None:
    """Return who makes the changes of this thread: a user's e-mail address or a key's id.

    None stands for the operator.
    """
    actor = acting.get()
    return actor.user or actor.key_id or None


def record(
    connection: Connection | psycopg.Connection,
    account_id: int | None,
    action: Action,
    object_: str,
    detail: str | None = None,
) -> None:
    """Record a change in the transaction that makes it."""
    if isinstance(connection, Connection):
        connection = driver_of(connection)
    store.add(connection, account_id, acting.get(), action, object_, detail)


def list_page(
    context: Context, account: Account, wanted: EntryFilter, *, below: int | None, limit: int
) -> tuple[Entry, ...]:
    """Return the newest `limit` records of the account with ids less than `below`, newest first."""
    with context.database.statement() as connection:
        return store.list_page(connection, account.id, wanted, below=below, limit=limit)
