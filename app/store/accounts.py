"""Accounts, their keys and their sealed signing secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg
from sqlalchemy import Connection, delete, func, insert, select, update

from app.domain.account import Account, ApiKey
from app.domain.limits import Overrides
from app.domain.scope import Scope
from app.store.limits import of_columns
from app.store.queries import run
from app.store.tables import account, api_key, signing_secret


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredKey:
    """What authentication compares against; `now` is the database's clock."""

    account: Account
    digest: bytes
    revoked: bool
    app: str | None
    scope: Scope
    now: datetime
    suspended: bool
    limits: Overrides


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
    app: str | None
    scope: str
    now: datetime
    suspended: bool
    limits: dict[str, int | None] | None
    connections: int | None


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


def lock(connection: Connection, account_id: int) -> None:
    """Let others who lock the account wait; whoever only refers to it does not."""
    connection.execute(
        select(account.c.id).where(account.c.id == account_id).with_for_update(key_share=True)
    )


def called(connection: Connection, key_id: str) -> str:
    """What a key is called: by its label, or by its id where it has none."""
    query = select(api_key.c.label).where(api_key.c.id == key_id)
    return connection.execute(query).scalar_one_or_none() or key_id


def clocked(connection: Connection, name: str) -> tuple[Account, datetime, bool] | None:
    """The account of that name, the database's clock, and whether the account is suspended."""
    row = connection.execute(
        select(
            account.c.id,
            func.clock_timestamp().label("now"),
            account.c.suspended_at.is_not(None).label("suspended"),
        ).where(account.c.name == name)
    ).one_or_none()
    return None if row is None else (Account(id=row.id, name=name), row.now, row.suspended)


def names(connection: Connection, most: int) -> list[str]:
    """The names of up to `most` accounts, in no order."""
    return list(connection.execute(select(account.c.name).limit(most)).scalars())


def insert_key(
    connection: Connection,
    *,
    key_id: str,
    account_id: int,
    digest: bytes,
    label: str,
    app: str | None = None,
    scope: Scope = Scope.ADMIN,
) -> None:
    """Store a key as its id and SHA-256; its text is stored nowhere."""
    connection.execute(
        insert(api_key).values(
            id=key_id, account_id=account_id, digest=digest, label=label, app=app, scope=scope
        )
    )


def find_key(connection: psycopg.Connection, key_id: str) -> StoredKey | None:
    """The key of that id, with the account it speaks for."""
    row = run(connection, "find_key", {"key_id": key_id}).fetchone()
    if row is None:
        return None
    key = _KeyRow._make(row)
    return StoredKey(
        account=Account(id=key.account_id, name=key.name),
        digest=key.digest,
        revoked=key.revoked,
        app=key.app,
        scope=Scope(key.scope),
        now=key.now,
        suspended=key.suspended,
        limits=of_columns(key.limits, key.connections),
    )


class SigningAccount(NamedTuple):
    """An account with one of the secrets that sign now, if it has any."""

    account_id: int
    connections: int | None
    """How many calls to one destination it may have under way, where that is its own limit."""
    sealed: bytes | None


def signing_accounts(
    connection: psycopg.Connection, accounts: Sequence[int]
) -> list[SigningAccount]:
    """These accounts, a row for each secret that signs now, the newest secret first."""
    rows = run(connection, "signing_accounts", {"accounts": list(accounts)})
    return [SigningAccount._make(row) for row in rows]


def list_keys(connection: Connection, account_id: int) -> tuple[ApiKey, ...]:
    """The account's keys, oldest first."""
    rows = connection.execute(
        select(
            api_key.c.id,
            api_key.c.label,
            api_key.c.created_at,
            api_key.c.revoked_at,
            api_key.c.app,
            api_key.c.scope,
        )
        .where(api_key.c.account_id == account_id)
        .order_by(api_key.c.created_at, api_key.c.id)
    )
    return tuple(
        ApiKey(
            id=row.id,
            label=row.label,
            created_at=row.created_at,
            revoked_at=row.revoked_at,
            app=row.app,
            scope=Scope(row.scope),
        )
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


def retire_secrets(connection: Connection, account_id: int, overlap: timedelta) -> None:
    """Let no secret of the account sign for longer than `overlap` from now."""
    # Two rotations at once come one after the other.
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
    # However often an account rotates, it has no more rows than may sign, and those just ended.
    connection.execute(
        delete(signing_secret).where(
            signing_secret.c.account_id == account_id,
            signing_secret.c.expires_at <= func.trusted_clock(),
        )
    )


def insert_secret(connection: Connection, account_id: int, sealed: bytes) -> None:
    """Make `sealed` the secret of an account whose others are retired."""
    connection.execute(insert(signing_secret).values(account_id=account_id, sealed=sealed))


def valid_secrets(connection: Connection, account_id: int) -> tuple[SealedSecret, ...]:
    """The account's secrets that sign now, newest first."""
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
