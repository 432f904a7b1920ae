"""History usage: bytes of history by account and day; workers add, dropped days are removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import psycopg
from sqlalchemy import Connection, text

# Rows are locked in one order, so that two workers that add at once do not deadlock.
_ADD: Final = """
INSERT INTO history_usage AS h (account_id, day, bytes)
SELECT account_id, day, bytes
FROM unnest(%(accounts)s::bigint[], %(days)s::date[], %(bytes)s::bigint[])
  AS v (account_id, day, bytes)
ORDER BY account_id, day
ON CONFLICT (account_id, day) DO UPDATE SET bytes = h.bytes + excluded.bytes
"""
_OF: Final = """
SELECT account_id, sum(bytes)::bigint FROM history_usage
WHERE account_id = ANY (%(accounts)s) GROUP BY account_id
"""
_OF_ACCOUNT: Final = text("""
SELECT coalesce(sum(bytes), 0)::bigint FROM history_usage WHERE account_id = :account_id
""")
_DROP: Final = "DELETE FROM history_usage WHERE day < %(first_kept)s"

Added = Mapping[tuple[int, date], int]
"""Bytes by account and day on which the runs were due."""


def add(connection: psycopg.Connection, added: Added) -> None:
    """Add these bytes to the stored numbers."""
    if not added:
        return
    accounts, days = map(list, zip(*added, strict=True))
    params = {"accounts": accounts, "days": days, "bytes": list(added.values())}
    connection.execute(_ADD, params)


def of_accounts(connection: psycopg.Connection, accounts: Iterable[int]) -> dict[int, int]:
    """Return the bytes of these accounts' history."""
    return dict(connection.execute(_OF, {"accounts": list(accounts)}).fetchall())


def of_account(connection: Connection, account_id: int) -> int:
    """Return the bytes of an account's history."""
    found: int = connection.execute(_OF_ACCOUNT, {"account_id": account_id}).scalar_one()
    return found


def drop_before(connection: psycopg.Connection, first_kept: date) -> int:
    """Remove the bytes of days before `first_kept`, whose history is dropped; return the rows."""
    return connection.execute(_DROP, {"first_kept": first_kept}).rowcount
