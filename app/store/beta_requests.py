"""Beta requests: the rows of people who ask to be invited."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.domain.invitation import BetaRequest
from app.store.tables import beta_request

MAX_WAITING: Final = 10_000
"""How many requests may wait to be accepted."""


def add(connection: Connection, email: str, purpose: str, address: str) -> None:
    """Store a request, unless that address has one already, or too many wait."""
    waiting = select(beta_request.c.id).where(beta_request.c.accepted_at.is_(None))
    if connection.execute(waiting.offset(MAX_WAITING - 1).limit(1)).first() is not None:
        return
    connection.execute(
        insert(beta_request)
        .values(email=email, purpose=purpose, address=address)
        .on_conflict_do_nothing()
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
