"""Invitations: the rows of links with which people join, each found by the SHA-256 of its token."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import psycopg
from sqlalchemy import Connection, Row, Select, func, insert, select, update

from app.domain.account import Account
from app.domain.invitation import KEPT, Invitation
from app.domain.role import Role
from app.store.tables import account, invitation

IS_OPEN: Final = (
    invitation.c.revoked_at.is_(None)
    & (invitation.c.used < invitation.c.uses)
    & (invitation.c.expires_at > func.clock_timestamp())
)
"""Whether an invitation can be used."""

_PURGE: Final = """
DELETE FROM invitation WHERE id = ANY (ARRAY(
  SELECT id FROM invitation WHERE expires_at < trusted_clock() - %(kept)s
  ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


def add(  # noqa: PLR0913 - a column each
    connection: Connection,
    digest: bytes,
    *,
    note: str,
    email: str | None,
    account_id: int | None,
    role: Role,
    uses: int,
    created_by: str | None,
    expiry: timedelta,
) -> int:
    """Store an invitation that expires after `expiry`; return its id."""
    query = (
        insert(invitation)
        .values(
            digest=digest,
            note=note,
            email=email,
            account_id=account_id,
            role=role.value,
            uses=uses,
            created_by=created_by,
            expires_at=func.clock_timestamp() + expiry,
        )
        .returning(invitation.c.id)
    )
    return int(connection.execute(query).scalar_one())


def find(connection: Connection, digest: bytes) -> Invitation | None:
    """Return the invitation with this token; None if there is none."""
    row = connection.execute(_all().where(invitation.c.digest == digest)).one_or_none()
    return None if row is None else _invitation(row)


def lock(connection: Connection, digest: bytes) -> Invitation | None:
    """As `find`; of two transactions that use it, the second one reads what the first one left."""
    query = select(invitation.c.id).where(invitation.c.digest == digest).with_for_update()
    if connection.execute(query).one_or_none() is None:
        return None
    return find(connection, digest)


def use(connection: Connection, invitation_id: int) -> None:
    """Count one use of an invitation, under its lock."""
    connection.execute(
        update(invitation)
        .where(invitation.c.id == invitation_id)
        .values(used=invitation.c.used + 1)
    )


def count_open(connection: Connection, account_id: int) -> int:
    """Return how many invitations of an account can be used; exact under the account's lock."""
    query = select(func.count()).where(invitation.c.account_id == account_id, IS_OPEN)
    return int(connection.execute(query).scalar_one())


def count_made(connection: Connection, account_id: int, within: timedelta) -> int:
    """Return how many invitations of an account were made in this time, revoked ones included."""
    query = select(func.count()).where(
        invitation.c.account_id == account_id,
        invitation.c.created_at > func.clock_timestamp() - within,
    )
    return int(connection.execute(query).scalar_one())


def list_open(connection: Connection, account_id: int) -> tuple[Invitation, ...]:
    """Return the invitations into an account that can be used, newest first."""
    query = _all().where(invitation.c.account_id == account_id, IS_OPEN)
    rows = connection.execute(query.order_by(invitation.c.id.desc()))
    return tuple(map(_invitation, rows))


def newest(connection: Connection, *, limit: int) -> tuple[Invitation, ...]:
    """Return the newest invitations, whoever made them."""
    rows = connection.execute(_all().order_by(invitation.c.id.desc()).limit(limit))
    return tuple(map(_invitation, rows))


def every(connection: Connection) -> Iterator[Invitation]:
    """Yield all invitations, newest first."""
    for row in connection.execute(_all().order_by(invitation.c.id.desc())):
        yield _invitation(row)


def revoke(
    connection: Connection, invitation_id: int, *, account_id: int | None = None
) -> Invitation | None:
    """Revoke an invitation, of the account if one is given; None if there is no such one."""
    query = update(invitation).where(invitation.c.id == invitation_id)
    if account_id is not None:
        query = query.where(invitation.c.account_id == account_id)
    connection.execute(
        query.values(revoked_at=func.coalesce(invitation.c.revoked_at, func.clock_timestamp()))
    )
    found = _all().where(invitation.c.id == invitation_id)
    if account_id is not None:
        found = found.where(invitation.c.account_id == account_id)
    row = connection.execute(found).one_or_none()
    return None if row is None else _invitation(row)


def revoke_made_by(connection: Connection, account_id: int, email: str) -> None:
    """Revoke the invitations into an account that this user made."""
    connection.execute(
        update(invitation)
        .where(
            invitation.c.account_id == account_id,
            invitation.c.created_by == email,
            invitation.c.revoked_at.is_(None),
        )
        .values(revoked_at=func.clock_timestamp())
    )


def purge(connection: psycopg.Connection, *, limit: int) -> int:
    """Delete up to `limit` invitations that expired long ago; return how many."""
    return connection.execute(_PURGE, {"kept": KEPT, "limit": limit}).rowcount


def _all() -> Select[Any]:
    return select(
        invitation,
        account.c.name.label("account_name"),
        func.clock_timestamp().label("now"),
    ).outerjoin(account, account.c.id == invitation.c.account_id)


def _invitation(row: Row[Any]) -> Invitation:
    owner = None
    if row.account_id is not None:
        owner = Account(id=row.account_id, name=row.account_name)
    return Invitation(
        id=row.id,
        note=row.note,
        email=row.email,
        account=owner,
        role=Role(row.role),
        uses=row.uses,
        used=row.used,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        now=row.now,
    )
