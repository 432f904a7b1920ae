"""Inboxes: the rows of test receivers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from app.domain.inbox import Answer, Inbox
from app.store.tables import inbox


def add(
    connection: Connection, account_id: int, *, inbox_id: UUID, token: str, label: str, answer: str
) -> Inbox:
    """Store an inbox, and return it."""
    row = connection.execute(
        insert(inbox)
        .values(id=inbox_id, account_id=account_id, token=token, label=label, answer=answer)
        .returning(*inbox.c)
    ).one()
    return _inbox(row)


def count(connection: Connection, account_id: int) -> int:
    """Return how many inboxes the account has; exact only under the account's lock."""
    query = select(func.count()).where(inbox.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def list_of_account(connection: Connection, account_id: int) -> tuple[Inbox, ...]:
    """Return the account's inboxes, oldest first."""
    query = _of(account_id).order_by(inbox.c.created_at, inbox.c.id)
    return tuple(map(_inbox, connection.execute(query)))


def find(connection: Connection, account_id: int, inbox_id: UUID) -> Inbox | None:
    """Return the account's inbox of that id; None if it has none."""
    row = connection.execute(_of(account_id).where(inbox.c.id == inbox_id)).one_or_none()
    return None if row is None else _inbox(row)


def change(
    connection: Connection, account_id: int, inbox_id: UUID, *, label: str, answer: str
) -> Inbox | None:
    """Give the account's inbox this label and answer, and return it; None if it has none."""
    row = connection.execute(
        update(inbox)
        .where(inbox.c.account_id == account_id, inbox.c.id == inbox_id)
        .values(label=label, answer=answer)
        .returning(*inbox.c)
    ).one_or_none()
    return None if row is None else _inbox(row)


def remove(connection: Connection, account_id: int, inbox_id: UUID) -> bool:
    """Delete the account's inbox with its calls; False if it has none."""
    gone = connection.execute(
        delete(inbox).where(inbox.c.account_id == account_id, inbox.c.id == inbox_id)
    )
    return gone.rowcount == 1


def _of(account_id: int) -> Select[Any]:
    return select(*inbox.c).where(inbox.c.account_id == account_id)


def _inbox(row: Row[Any]) -> Inbox:
    return Inbox(
        id=row.id,
        token=row.token,
        label=row.label,
        answer=Answer(row.answer),
        created_at=row.created_at,
        last_number=row.last_number,
        last_call_at=row.last_call_at,
    )
