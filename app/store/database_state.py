"""Database state: whether the connected database can store bookings, and the remedy if not."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import Connection, text

from app.store.database_errors import sqlstate

_MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"
_UPGRADE: Final = "Run flask --app wsgi db upgrade."

_OF_ANOTHER_SCHEMA: Final = frozenset({"42P01", "42703", "42883"})
"""SQLSTATEs of a missing table, column or function."""

_AWAY: Final = "The database does not answer."
_READ_ONLY: Final = (
    "The database is read-only. Connect to the primary, or unset default_transaction_read_only."
)
_REFUSED_AS_READ_ONLY: Final = "session is read-only"
"""A part of libpq's message about a read-only server, if it was to connect to a writable one."""

_STATE: Final = text("""
SELECT current_setting('transaction_read_only')::boolean,
       to_regclass('alembic_version') IS NOT NULL
""")
_HAS_TABLES: Final = "SELECT to_regclass('alembic_version') IS NOT NULL"
_REVISION: Final = "SELECT max(version_num) FROM alembic_version"
_NO_TABLES: Final = f"The database has no tables. {_UPGRADE}"


@cache
def needed_revision() -> str:
    """Return the revision of the schema that this release needs: its last migration."""
    return max(path.name.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*_*.py"))


def obstacle(connection: Connection) -> str | None:
    """Return why the database cannot store bookings, with the remedy; None if it can.

    A later revision of the schema is fine: migrations run while the release before is running.
    """
    read_only, has_tables = connection.execute(_STATE).one()
    if not has_tables:
        return _NO_TABLES
    if read_only:
        return _READ_ONLY
    return _lack(connection.execute(text(_REVISION)).scalar_one())


def schema_lack(connection: psycopg.Connection) -> str | None:
    """Return what the schema lacks, with the remedy; None if this release can use it."""
    found = connection.execute(_HAS_TABLES).fetchone()
    if found is None or not found[0]:
        return _NO_TABLES
    revision = connection.execute(_REVISION).fetchone()
    return _lack(revision[0] if revision else None)


def _lack(revision: str | None) -> str | None:
    if revision and revision >= needed_revision():
        return None
    return (
        f"The database has the schema revision {revision or 'none'}, but this release needs "
        f"{needed_revision()}. {_UPGRADE}"
    )


def obstacle_of(error: BaseException | None) -> str:
    """Return why the database cannot store bookings, given the error of a connection to it."""
    while error is not None:
        if _REFUSED_AS_READ_ONLY in str(error):
            return _READ_ONLY
        error = error.__cause__
    return _AWAY


def remedy_of(error: BaseException) -> str:
    """Return what the operator can do about an error of PostgreSQL; empty if it is not known."""
    return _UPGRADE if sqlstate(error) in _OF_ANOTHER_SCHEMA else ""
