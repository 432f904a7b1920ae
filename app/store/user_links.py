"""User links: the rows of links that are used once, to choose a password or to sign in."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

import psycopg
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from app.domain.user import LinkPurpose
from app.store.tables import membership, user_link, web_user

_PURGE: Final = """
DELETE FROM user_link WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM user_link WHERE expires_at < trusted_clock() LIMIT %(limit)s
  FOR UPDATE SKIP LOCKED))
"""


class LinkedUser(NamedTuple):
    """The user of a valid link."""

    user_id: int
    email: str


def put(
    connection: Connection, user_id: int, purpose: LinkPurpose, digest: bytes, expiry: timedelta
) -> None:
    """Store a link of the user, in place of an earlier one with this purpose."""
    now = func.clock_timestamp()
    values = {"digest": digest, "created_at": now, "expires_at": now + expiry}
    connection.execute(
        insert(user_link)
        .values(user_id=user_id, purpose=purpose.value, **values)
        .on_conflict_do_update(index_elements=["user_id", "purpose"], set_=values)
    )


def find(connection: Connection, digest: bytes, purpose: LinkPurpose) -> LinkedUser | None:
    """Return the user of a valid link; None if there is none."""
    row = connection.execute(
        select(web_user.c.id, web_user.c.email)
        .join(user_link, user_link.c.user_id == web_user.c.id)
        .where(
            user_link.c.digest == digest,
            user_link.c.purpose == purpose.value,
            user_link.c.expires_at > func.clock_timestamp(),
        )
    ).one_or_none()
    return None if row is None else LinkedUser(row.id, row.email)


def take(connection: Connection, digest: bytes, purpose: LinkPurpose) -> int | None:
    """Delete a valid link and return its user's id; None if it was used or has expired."""
    query = (
        delete(user_link)
        .where(
            user_link.c.digest == digest,
            user_link.c.purpose == purpose.value,
            user_link.c.expires_at > func.clock_timestamp(),
        )
        .returning(user_link.c.user_id)
    )
    return connection.execute(query).scalar_one_or_none()


def drop(connection: Connection, user_id: int) -> None:
    """Delete all links of a user."""
    connection.execute(delete(user_link).where(user_link.c.user_id == user_id))


def drop_resets(connection: Connection, user_id: int) -> None:
    """Delete the link with which a user chooses another password."""
    connection.execute(
        delete(user_link).where(
            user_link.c.user_id == user_id, user_link.c.purpose == LinkPurpose.RESET.value
        )
    )


def drop_resets_of_members(connection: Connection, account_id: int) -> None:
    """Delete the links of members of this account alone: only these can be made by an owner."""
    only_here = (
        select(membership.c.user_id)
        .group_by(membership.c.user_id)
        .having(func.count() == 1)
        .where(
            membership.c.user_id.in_(
                select(membership.c.user_id).where(membership.c.account_id == account_id)
            )
        )
    )
    connection.execute(
        delete(user_link).where(
            user_link.c.purpose == LinkPurpose.RESET.value, user_link.c.user_id.in_(only_here)
        )
    )


def purge(connection: psycopg.Connection, *, limit: int) -> int:
    """Delete up to `limit` links that have expired; return how many."""
    return connection.execute(_PURGE, {"limit": limit}).rowcount
