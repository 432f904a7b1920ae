"""Database state: whether the database that a session is connected to can store bookings."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

_MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"
_UPGRADE: Final = "Run flask --app wsgi db upgrade."

_STATE: Final = text("""
SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean,
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
    in_recovery, read_only, has_tables = connection.execute(_STATE).one()
    if not has_tables:
        return f"The database has no tables. {_UPGRADE}"
    if in_recovery:
        return "The database is a standby, which is read-only. Connect to the primary."
    if read_only:
        return "The database is read-only. Unset default_transaction_read_only."
    revision = connection.execute(_REVISION).scalar_one() or "none"
    if revision == "none" or revision < needed_revision():
        return (
            f"The revision of the schema is {revision}, and this release needs "
            f"{needed_revision()}. {_UPGRADE}"
        )
    return None
