"""Keys: the rows of API keys, as their owners list, create and revoke them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import psycopg
from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from app.domain.account import ApiKey
from app.domain.scope import Scope
from app.store.tables import api_key

_IS_EXPIRED: Final = func.coalesce(api_key.c.expires_at <= func.clock_timestamp(), False)
_IS_VALID: Final = api_key.c.revoked_at.is_(None) & or_(
    api_key.c.expires_at.is_(None), api_key.c.expires_at > func.clock_timestamp()
)

# Rows are locked in one order, and a locked row is left to the next turn: the thread that writes
# this also answers for the health of its process.
_NOTE_USE: Final = """
UPDATE api_key SET last_used_at = date_trunc('hour', clock_timestamp(), 'UTC')
WHERE id IN (
  SELECT id FROM api_key
  WHERE id = ANY (%(ids)s) AND revoked_at IS NULL
    AND last_used_at IS DISTINCT FROM date_trunc('hour', clock_timestamp(), 'UTC')
  ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
"""


def insert_key(  # noqa: PLR0913 - a column each
    connection: Connection,
    *,
    key_id: str,
    account_id: int,
    digest: bytes,
    label: str,
    app: str | None = None,
    scope: Scope = Scope.ADMIN,
    expires_at: datetime | None = None,
    created_by: str | None = None,
) -> ApiKey:
    """Store a key by its id and its SHA-256, and return it; its text is not stored."""
    values = {
        "label": label,
        "app": app,
        "scope": scope,
        "expires_at": expires_at,
        "created_by": created_by,
    }
    created_at: datetime = connection.execute(
        insert(api_key)
        .values(id=key_id, account_id=account_id, digest=digest, **values)
        .returning(api_key.c.created_at)
    ).scalar_one()
    return ApiKey(
        id=key_id,
        label=label,
        created_at=created_at,
        revoked_at=None,
        app=app,
        scope=scope,
        expires_at=expires_at,
        created_by=created_by,
    )


def find(connection: Connection, account_id: int, key_id: str) -> ApiKey | None:
    """Return the account's key of that id; None if it has none."""
    row = connection.execute(_of(account_id).where(api_key.c.id == key_id)).one_or_none()
    return None if row is None else _key(row)


def list_keys(
    connection: Connection,
    account_id: int,
    *,
    after: ApiKey | None = None,
    limit: int | None = None,
) -> tuple[ApiKey, ...]:
    """Return up to `limit` of the account's keys after the key `after`, oldest first."""
    query = _of(account_id).order_by(api_key.c.created_at, api_key.c.id).limit(limit)
    if after is not None:
        position = tuple_(
            bindparam(None, after.created_at, api_key.c.created_at.type),
            bindparam(None, after.id, api_key.c.id.type),
        )
        query = query.where(tuple_(api_key.c.created_at, api_key.c.id) > position)
    return tuple(map(_key, connection.execute(query)))


def count_valid(connection: Connection, account_id: int) -> int:
    """Return how many keys of the account are neither revoked nor expired."""
    query = select(func.count()).where(api_key.c.account_id == account_id, _IS_VALID)
    return int(connection.execute(query).scalar_one())


def other_admin_keys(connection: Connection, account_id: int, key_id: str) -> tuple[int, int]:
    """Return how many valid admin keys the account has besides `key_id`, and how many never expire.

    This is exact only under the account's lock.
    """
    row = connection.execute(
        select(
            func.count().label("valid"),
            func.count().filter(api_key.c.expires_at.is_(None)).label("lasting"),
        ).where(
            api_key.c.account_id == account_id,
            api_key.c.id != key_id,
            api_key.c.scope == Scope.ADMIN,
            _IS_VALID,
        )
    ).one()
    return row.valid, row.lasting


def revoke(connection: Connection, key_id: str) -> int | None:
    """Revoke a key; return the id of its account, None if there is no such key.

    A second time changes nothing.
    """
    account_id: int | None = connection.execute(
        update(api_key)
        .where(api_key.c.id == key_id)
        .values(revoked_at=func.coalesce(api_key.c.revoked_at, func.clock_timestamp()))
        .returning(api_key.c.account_id)
    ).scalar_one_or_none()
    return account_id


def drop_ended(connection: Connection, account_id: int, *, kept: int) -> None:
    """Delete the account's revoked and expired keys, but for the `kept` that ended last."""
    # A clock that was set forward for a moment must not delete keys that are still valid.
    ended_at = func.least(api_key.c.revoked_at, api_key.c.expires_at)
    ended = (
        select(api_key.c.id)
        .where(api_key.c.account_id == account_id, ended_at <= func.trusted_clock())
        .order_by(ended_at.desc(), api_key.c.id)
        .offset(kept)
    )
    connection.execute(delete(api_key).where(api_key.c.id.in_(ended)))


def note_use(connection: psycopg.Connection, ids: Collection[str]) -> None:
    """Store that these keys were used within this hour. Of each key one row an hour is written."""
    if ids:
        connection.execute(_NOTE_USE, {"ids": list(ids)})


def _of(account_id: int) -> Select[Any]:
    return select(
        api_key.c.id,
        api_key.c.label,
        api_key.c.created_at,
        api_key.c.revoked_at,
        api_key.c.app,
        api_key.c.scope,
        api_key.c.expires_at,
        api_key.c.last_used_at,
        api_key.c.created_by,
        _IS_EXPIRED.label("expired"),
    ).where(api_key.c.account_id == account_id)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        label=row.label,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        app=row.app,
        scope=Scope(row.scope),
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        created_by=row.created_by,
        expired=row.expired,
    )
