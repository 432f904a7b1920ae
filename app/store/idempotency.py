"""Idempotency: answers stored under their `Idempotency-Key`, and the lock of each key in use."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from sqlalchemy import Connection, Integer, Interval, LargeBinary, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from app.domain.idempotency import KEPT_FOR


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAnswer:
    """An answer as stored; `body` is encrypted if `sealed` is true."""

    fingerprint: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    sealed: bool


# The lock belongs to the transaction: it ends at the commit, or when the process dies.
_LOCK: Final = text("SELECT pg_try_advisory_xact_lock(:high, :low)").bindparams(
    bindparam("high", type_=Integer), bindparam("low", type_=Integer)
)
_FIND: Final = text("""
SELECT fingerprint, status, headers, body, sealed FROM kept_answer
WHERE account_id = :account_id AND key = :key AND kept_at > trusted_clock() - :kept_for
""").bindparams(bindparam("kept_for", type_=Interval))

# The new answer replaces one that has expired and is not purged yet.
_KEEP: Final = text("""
INSERT INTO kept_answer (account_id, key, fingerprint, status, headers, body, sealed)
VALUES (:account_id, :key, :fingerprint, :status, :headers, :body, :sealed)
ON CONFLICT (account_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
    body = excluded.body, sealed = excluded.sealed, kept_at = excluded.kept_at
""").bindparams(
    bindparam("fingerprint", type_=LargeBinary),
    bindparam("headers", type_=JSONB),
    bindparam("body", type_=LargeBinary),
)

_PURGE: Final = """
DELETE FROM kept_answer
WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM kept_answer WHERE kept_at < trusted_clock() - %(kept_for)s::interval
  ORDER BY kept_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


def lock(connection: Connection, account_id: int, key: str) -> bool:
    """Lock this key until the transaction ends; False if another transaction has locked it."""
    digest = hashlib.sha256(f"{account_id} {key}".encode()).digest()
    high, low = struct.unpack_from(">ii", digest)
    return bool(connection.execute(_LOCK, {"high": high, "low": low}).scalar_one())


def find(connection: Connection, account_id: int, key: str) -> StoredAnswer | None:
    """Return the answer stored under this key; None if there is none, or it has expired."""
    row = connection.execute(
        _FIND, {"account_id": account_id, "key": key, "kept_for": KEPT_FOR}
    ).one_or_none()
    if row is None:
        return None
    return StoredAnswer(
        fingerprint=bytes(row.fingerprint),
        status=row.status,
        headers=tuple((name, value) for name, value in row.headers),
        body=bytes(row.body),
        sealed=row.sealed,
    )


def keep(connection: Connection, account_id: int, key: str, answer: StoredAnswer) -> None:
    """Store an answer under its locked key."""
    headers: Sequence[Sequence[str]] = [list(pair) for pair in answer.headers]
    connection.execute(
        _KEEP,
        {
            "account_id": account_id,
            "key": key,
            "fingerprint": answer.fingerprint,
            "status": answer.status,
            "headers": headers,
            "body": answer.body,
            "sealed": answer.sealed,
        },
    )


def purge(connection: psycopg.Connection, *, limit: int) -> int:
    """Delete up to `limit` expired answers; return how many were deleted."""
    return connection.execute(_PURGE, {"kept_for": KEPT_FOR, "limit": limit}).rowcount
