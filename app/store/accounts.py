"""Accounts, their keys and their sealed signing secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, insert, select, update

from app.domain.account import Account, ApiKey
from app.store.tables import account, api_key, signing_secret


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredKey:
    """What authentication compares against; `now` is the database's clock."""

    account: Account
    digest: bytes
    revoked: bool
    now: datetime


def insert_account(connection: Connection, name: str) -> Account | None:
    """Store a new account; None where the name is taken."""
    taken = connection.execute(select(account.c.id).where(account.c.name == name)).one_or_none()
    if taken is not None:
        return None
    row = connection.execute(insert(account).values(name=name).returning(account.c.id)).one()
    return Account(id=row.id, name=name)


def find_account(connection: Connection, name: str) -> Account | None:
    """The account of that name."""
    row = connection.execute(select(account.c.id).where(account.c.name == name)).one_or_none()
    return None if row is None else Account(id=row.id, name=name)


def set_connections(connection: Connection, name: str, connections: int | None) -> bool:
    """How many calls to one destination the account may have under way; None for the default.

    False where there is no such account.
    """
    changed = connection.execute(
        update(account).where(account.c.name == name).values(connections=connections)
    )
    return changed.rowcount == 1


def insert_key(
    connection: Connection, *, key_id: str, account_id: int, digest: bytes, label: str
) -> None:
    """Store a key as its id and SHA-256; its text is stored nowhere."""
    connection.execute(
        insert(api_key).values(id=key_id, account_id=account_id, digest=digest, label=label)
    )


_STORED_KEY = (
    select(
        account.c.id,
        account.c.name,
        api_key.c.digest,
        api_key.c.revoked_at.is_not(None).label("revoked"),
        func.clock_timestamp().label("now"),
    )
    .select_from(api_key)
    .join(account, account.c.id == api_key.c.account_id)
    .where(api_key.c.id == bindparam("key_id"))
)


def find_key(connection: Connection, key_id: str) -> StoredKey | None:
    """The key of that id, with the account it speaks for."""
    row = connection.execute(_STORED_KEY, {"key_id": key_id}).one_or_none()
    if row is None:
        return None
    return StoredKey(
        account=Account(id=row.id, name=row.name),
        digest=bytes(row.digest),
        revoked=row.revoked,
        now=row.now,
    )


def list_keys(connection: Connection, account_id: int) -> tuple[ApiKey, ...]:
    """The account's keys, oldest first."""
    rows = connection.execute(
        select(api_key.c.id, api_key.c.label, api_key.c.created_at, api_key.c.revoked_at)
        .where(api_key.c.account_id == account_id)
        .order_by(api_key.c.created_at, api_key.c.id)
    )
    return tuple(
        ApiKey(id=row.id, label=row.label, created_at=row.created_at, revoked_at=row.revoked_at)
        for row in rows
    )


def revoke_key(connection: Connection, key_id: str) -> bool:
    """Revoke a key from now on; False where there is none. A second time changes nothing."""
    changed = connection.execute(
        update(api_key)
        .where(api_key.c.id == key_id)
        .values(revoked_at=func.coalesce(api_key.c.revoked_at, func.clock_timestamp()))
    )
    return changed.rowcount == 1


def insert_secret(
    connection: Connection, account_id: int, sealed: bytes, overlap: timedelta
) -> None:
    """Make `sealed` the account's secret; the one before stays valid for `overlap`."""
    # Two rotations at once come one after the other.
    connection.execute(select(account.c.id).where(account.c.id == account_id).with_for_update())
    connection.execute(
        update(signing_secret)
        .where(signing_secret.c.account_id == account_id, signing_secret.c.expires_at.is_(None))
        .values(expires_at=func.clock_timestamp() + overlap)
    )
    connection.execute(insert(signing_secret).values(account_id=account_id, sealed=sealed))


def valid_secrets(connection: Connection, account_id: int) -> tuple[bytes, ...]:
    """The account's sealed secrets that sign now, newest first."""
    rows = connection.execute(
        select(signing_secret.c.sealed)
        .where(
            signing_secret.c.account_id == account_id,
            signing_secret.c.expires_at.is_(None)
            | (signing_secret.c.expires_at > func.clock_timestamp()),
        )
        .order_by(signing_secret.c.id.desc())
    )
    return tuple(bytes(row.sealed) for row in rows)
