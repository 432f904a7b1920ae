"""Bytes of history by account and day: what workers added, given back when the day is dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import psycopg
from sqlalchemy import Connection, text

# Rows in one order, so that two workers adding at once wait in a line and not in a circle.
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
"""Bytes by account and the day that the runs were due on."""


def add(connection: psycopg.Connection, added: Added) -> None:
    """Add to what is known."""
    if not added:
        return
    accounts, days = map(list, zip(*added, strict=True))
    params = {"accounts": accounts, "days": days, "bytes": list(added.values())}
    connection.execute(_ADD, params)


def of_accounts(connection: psycopg.Connection, accounts: Iterable[int]) -> dict[int, int]:
    """What the history of these accounts takes."""
    return dict(connection.execute(_OF, {"accounts": list(accounts)}).fetchall())


def of_account(connection: Connection, account_id: int) -> int:
    """What the history of an account takes."""
    found: int = connection.execute(_OF_ACCOUNT, {"account_id": account_id}).scalar_one()
    return found


def drop_before(connection: psycopg.Connection, first_kept: date) -> int:
    """Give back what days before `first_kept` took, which are dropped; how many rows there were."""
    return connection.execute(_DROP, {"first_kept": first_kept}).rowcount
