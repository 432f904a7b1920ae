"""Limits: the amounts that single accounts have instead of those of the settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import psycopg
from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import Text

from app.domain.limits import CONNECTIONS, Overrides

_OF_ACCOUNTS: Final = """
SELECT id, limits, connections FROM account WHERE id = ANY (%(accounts)s)
"""

_WITH_OWN: Final = """
SELECT id, limits, connections FROM account WHERE limits IS NOT NULL
"""

# One statement, so that two concurrent changes do not overwrite each other.
_CHANGE: Final = text("""
UPDATE account
SET limits = nullif((coalesce(limits, '{}') - :dropped) || :given, '{}'),
    connections = CASE WHEN :of_connections THEN CAST(:connections AS integer) ELSE connections END
WHERE name = :name
""").bindparams(bindparam("dropped", type_=ARRAY(Text)), bindparam("given", type_=JSONB))


def of_accounts(connection: psycopg.Connection, accounts: Iterable[int]) -> dict[int, Overrides]:
    """Return the own amounts of these accounts; empty for an account that has none."""
    rows = connection.execute(_OF_ACCOUNTS, {"accounts": list(accounts)})
    return {account_id: of_columns(limits, connections) for account_id, limits, connections in rows}


def with_own(connection: psycopg.Connection) -> dict[int, Overrides]:
    """Return the accounts with limits of their own, except those with only `connections`."""
    rows = connection.execute(_WITH_OWN)
    return {account_id: of_columns(limits, connections) for account_id, limits, connections in rows}


def of_columns(limits: dict[str, int | None] | None, connections: int | None) -> Overrides:
    """Return the amounts in the two columns of an account."""
    found = dict(limits or {})
    if connections is not None:
        found[CONNECTIONS.name] = connections
    return found


def change(connection: Connection, name: str, *, given: Overrides, dropped: frozenset[str]) -> bool:
    """Set the amounts in `given` for an account, and remove those in `dropped`.

    Returns False if there is no account of that name. `connections` has a column of its own,
    because earlier releases read that column.
    """
    columns = {each: amount for each, amount in given.items() if each != CONNECTIONS.name}
    changed = connection.execute(
        _CHANGE,
        {
            "name": name,
            "given": columns,
            "dropped": sorted(dropped),
            "of_connections": CONNECTIONS.name in dropped | given.keys(),
            "connections": given.get(CONNECTIONS.name),
        },
    )
    return changed.rowcount == 1
