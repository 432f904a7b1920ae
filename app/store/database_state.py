"""Database state: whether the database that a session is connected to can store bookings."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from app.store.database_errors import sqlstate

_MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"
_UPGRADE: Final = "Run flask --app wsgi db upgrade."

_OF_ANOTHER_SCHEMA: Final = frozenset({"42P01", "42703", "42883"})
"""No such table, column or function."""

_AWAY: Final = "The database does not answer."
_READ_ONLY: Final = (
    "The database is read-only. Connect to the primary, or unset default_transaction_read_only."
)
_REFUSED_AS_READ_ONLY: Final = "session is read-only"
"""What libpq says of a server that takes no writes, where a session is to take them."""

_STATE: Final = text("""
SELECT current_setting('transaction_read_only')::boolean,
       to_regclass('alembic_version') IS NOT NULL
""")
_REVISION: Final = text("SELECT max(version_num) FROM alembic_version")


@cache
def needed_revision() -> str:
    """The revision of the schema that this release needs: the last of its migrations."""
    return max(path.name.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*_*.py"))


def obstacle(connection: Connection) -> str | None:
    """Why the database cannot store bookings, and what to do; None where it can.

    A later revision of the schema is fine: migrations run under the release before.
    """
    read_only, has_tables = connection.execute(_STATE).one()
    if not has_tables:
        return f"The database has no tables. {_UPGRADE}"
    if read_only:
        return _READ_ONLY
    revision = connection.execute(_REVISION).scalar_one() or "none"
    if revision == "none" or revision < needed_revision():
        return (
            f"The revision of the schema is {revision}, and this release needs "
            f"{needed_revision()}. {_UPGRADE}"
        )
    return None


def obstacle_of(error: BaseException | None) -> str:
    """Why the database cannot store bookings where it answered with this error, if at all."""
    while error is not None:
        if _REFUSED_AS_READ_ONLY in str(error):
            return _READ_ONLY
        error = error.__cause__
    return _AWAY


def remedy_of(error: BaseException) -> str:
    """What the operator can do about an error of PostgreSQL; empty where that is not known."""
    return _UPGRADE if sqlstate(error) in _OF_ANOTHER_SCHEMA else ""
