"""Beta requests: the rows of people who ask to be invited."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Delete, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.domain.invitation import BetaRequest
from app.store.invitations import IS_OPEN
from app.store.tables import beta_request, invitation, web_user

MAX_WAITING: Final = 10_000
"""How many requests may wait to be accepted."""


def add(connection: Connection, email: str, purpose: str, address: str) -> None:
    """Store a request, unless that address has one already, or too many wait.

    One that was accepted counts while its invitation can be used, and once the address has a user.
    """
    waiting = select(beta_request.c.id).where(beta_request.c.accepted_at.is_(None))
    if connection.execute(waiting.offset(MAX_WAITING - 1).limit(1)).first() is not None:
        return
    connection.execute(_delete_spent(email))
    connection.execute(
        insert(beta_request)
        .values(email=email, purpose=purpose, address=address)
        .on_conflict_do_nothing()
    )


def _delete_spent(email: str) -> Delete:
    """Delete the request of an address whose invitation ended before anybody joined with it."""
    return delete(beta_request).where(
        beta_request.c.email == email,
        beta_request.c.accepted_at.is_not(None),
        ~exists().where(invitation.c.email == email, IS_OPEN),
        ~exists().where(web_user.c.email == email),
    )


def list_requests(
    connection: Connection, *, all_of_them: bool = False, limit: int = MAX_WAITING
) -> tuple[BetaRequest, ...]:
    """Return up to `limit` requests that wait, or of all, oldest first."""
    query = select(beta_request).order_by(beta_request.c.id)
    if not all_of_them:
        query = query.where(beta_request.c.accepted_at.is_(None))
    rows = connection.execute(query.limit(limit))
    return tuple(
        BetaRequest(
            id=row.id,
            email=row.email,
            purpose=row.purpose,
            created_at=row.created_at,
            accepted_at=row.accepted_at,
        )
        for row in rows
    )


def accept(connection: Connection, email: str) -> bool:
    """Store that a request was accepted; return whether there is one of this address."""
    query = (
        update(beta_request)
        .where(beta_request.c.email == email)
        .values(accepted_at=func.clock_timestamp())
    )
    return bool(connection.execute(query).rowcount)
