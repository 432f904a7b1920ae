"""Accounts: the rows of accounts, of their API keys and of their encrypted signing secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert

from app.domain.account import Account, AccountDates
from app.domain.limits import Overrides
from app.domain.scope import Scope
from app.store.limits import of_columns
from app.store.queries import run
from app.store.tables import account, api_key, signing_secret


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredKey:
    """A stored key with its account, as authentication reads it."""

    account: Account
    digest: bytes
    """The SHA-256 of the key."""
    revoked: bool
    expires_at: datetime | None
    app: str | None
    """The Dapr app that the key is bound to."""
    scope: Scope
    now: datetime
    """The database's clock."""
    suspended: bool
    """Whether the account is suspended."""
    limits: Overrides
    """The limits that the account has of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedSecret:
    """A signing secret as stored; `expires_at` is None for the newest one."""

    sealed: bytes
    created_at: datetime
    expires_at: datetime | None


class _KeyRow(NamedTuple):
    account_id: int
    name: str
    digest: bytes
    revoked: bool
    expires_at: datetime | None
    app: str | None
    scope: str
    now: datetime
    suspended: bool
    limits: dict[str, int | None] | None
    connections: int | None


def insert_account(connection: Connection, name: str) -> Account | None:
    """Store a new account and return it; None if the name is taken."""
    query = (
        insert(account)
        .values(name=name)
        .on_conflict_do_nothing(index_elements=["name"])
        .returning(account.c.id)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Account(id=row.id, name=name)


def find_account(connection: Connection, name: str) -> Account | None:
    """Return the account of that name; None if there is none."""
    row = connection.execute(select(account.c.id).where(account.c.name == name)).one_or_none()
    return None if row is None else Account(id=row.id, name=name)


def dates(connection: Connection, account_id: int) -> AccountDates | None:
    """Return the dates of an account; None if it no longer exists."""
    query = select(account.c.created_at, account.c.suspended_at).where(account.c.id == account_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return AccountDates(created_at=row.created_at, suspended_at=row.suspended_at)


def lock(connection: Connection, account_id: int) -> None:
    """Lock the row of an account: against other calls of `lock`, not against foreign keys to it."""
    connection.execute(
        select(account.c.id).where(account.c.id == account_id).with_for_update(key_share=True)
    )


def key_label(connection: Connection, key_id: str) -> str:
    """Return the label of a key, or its id if it has no label."""
    query = select(api_key.c.label).where(api_key.c.id == key_id)
    return connection.execute(query).scalar_one_or_none() or key_id


def account_with_clock(connection: Connection, name: str) -> tuple[Account, datetime, bool] | None:
    """Return an account by name, the database's clock, and whether the account is suspended."""
    row = connection.execute(
        select(
            account.c.id,
            func.clock_timestamp().label("now"),
            account.c.suspended_at.is_not(None).label("suspended"),
        ).where(account.c.name == name)
    ).one_or_none()
    return None if row is None else (Account(id=row.id, name=name), row.now, row.suspended)


def names(connection: Connection, most: int) -> list[str]:
    """Return the names of up to `most` accounts, in any order."""
    return list(connection.execute(select(account.c.name).limit(most)).scalars())


def find_key(connection: psycopg.Connection, key_id: str) -> StoredKey | None:
    """Return the key of that id with its account; None if there is none."""
    row = run(connection, "find_key", {"key_id": key_id}).fetchone()
    if row is None:
        return None
    key = _KeyRow._make(row)
    return StoredKey(
        account=Account(id=key.account_id, name=key.name),
        digest=key.digest,
        revoked=key.revoked,
        expires_at=key.expires_at,
        app=key.app,
        scope=Scope(key.scope),
        now=key.now,
        suspended=key.suspended,
        limits=of_columns(key.limits, key.connections),
    )


class SigningAccount(NamedTuple):
    """An account with one of its valid signing secrets, if it has any."""

    account_id: int
    connections: int | None
    """The account's own limit of calls under way to one destination; None if it has none."""
    sealed: bytes | None
    """The encrypted secret."""


def signing_accounts(
    connection: psycopg.Connection, accounts: Sequence[int]
) -> list[SigningAccount]:
    """Return these accounts, once for each of their valid signing secrets, newest secret first."""
    rows = run(connection, "signing_accounts", {"accounts": list(accounts)})
    return [SigningAccount._make(row) for row in rows]


def retire_secrets(connection: Connection, account_id: int, overlap: timedelta) -> None:
    """Make all secrets of the account expire within `overlap` from now."""
    # The lock makes two rotations at once run one after the other.
    connection.execute(select(account.c.id).where(account.c.id == account_id).with_for_update())
    ends = func.clock_timestamp() + overlap
    connection.execute(
        update(signing_secret)
        .where(
            signing_secret.c.account_id == account_id,
            signing_secret.c.expires_at.is_(None) | (signing_secret.c.expires_at > ends),
        )
        .values(expires_at=ends)
    )
    # So an account that rotates often has only rows of valid and of just expired secrets.
    connection.execute(
        delete(signing_secret).where(
            signing_secret.c.account_id == account_id,
            signing_secret.c.expires_at <= func.trusted_clock(),
        )
    )


def insert_secret(connection: Connection, account_id: int, sealed: bytes) -> None:
    """Store a new current secret; the account's other secrets must be retired."""
    connection.execute(plain_insert(signing_secret).values(account_id=account_id, sealed=sealed))


def valid_secrets(connection: Connection, account_id: int) -> tuple[SealedSecret, ...]:
    """Return the account's valid signing secrets, newest first."""
    rows = connection.execute(
        select(signing_secret.c.sealed, signing_secret.c.created_at, signing_secret.c.expires_at)
        .where(
            signing_secret.c.account_id == account_id,
            signing_secret.c.expires_at.is_(None)
            | (signing_secret.c.expires_at > func.clock_timestamp()),
        )
        .order_by(signing_secret.c.id.desc())
    )
    return tuple(
        SealedSecret(sealed=bytes(row.sealed), created_at=row.created_at, expires_at=row.expires_at)
        for row in rows
    )
