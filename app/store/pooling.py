"""Pooling: what a session is verified to have, as a connection pooler may stand before the server.

PgBouncer in transaction mode lends the sessions of the server for one transaction each. It cannot
pass on what is set when a session is opened, and before 1.22 no prepared statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg

LIMITS: Final = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
"""What every session has, lest one that waits holds up all others; each is set to some time."""

_REMEDY: Final = (
    "a connection pooler does not pass on what is set when a session is opened. "
    "See `Connection poolers` in docs/operations.md"
)
_REFUSES_OPTIONS: Final = "unsupported startup parameter"

_FOUND: Final = """
SELECT pg_backend_pid(), current_setting('timezone'),
       (SELECT array_agg(extract(epoch FROM current_setting(name)::interval)::float8 ORDER BY n)
        FROM unnest(%s::text[]) WITH ORDINALITY AS wanted (name, n))
"""
_PROBE: Final = "SELECT name FROM pg_prepared_statements WHERE starts_with(name, '_pg')"


class PoolerUnfit(psycopg.OperationalError):
    """A connection pooler stands before the server and is not set up for Wakecall."""


def explain(error: psycopg.OperationalError) -> psycopg.OperationalError:
    """The same error, or what is to be done where a pooler refuses what the session is to have."""
    return PoolerUnfit(f"{error}: {_REMEDY}") if _REFUSES_OPTIONS in str(error) else error


def verify(
    connection: psycopg.Connection[Any], wanted: Mapping[str, str | int]
) -> tuple[bool, float | None]:
    """Whether a pooler stands before the server, and the statement timeout in force, in seconds.

    Raises PoolerUnfit where the session does not have what it was opened with. Times may be others:
    with a pooler they are those of the role.
    """
    ((backend, timezone, limits),) = connection.execute(_FOUND, (list(LIMITS),)).fetchall()
    actual = dict(zip(LIMITS, limits, strict=True))
    missing = [name for name in LIMITS if wanted.get(name) and not actual[name]]
    if timezone != wanted.get("timezone", timezone):
        missing.append("timezone")
    if missing:
        raise PoolerUnfit(f"the session was opened without {', '.join(missing)}: {_REMEDY}")
    # A pooler tells a process id of its own.
    pooled = backend != connection.info.backend_pid
    return pooled, actual["statement_timeout"] or None


def passes_on_prepared_statements(connection: psycopg.Connection[Any]) -> bool:
    """Whether statements can be prepared through this pooler; leaves nothing in the session.

    A pooler that can gives them names of its own, as others prepare statements by the same names.
    """
    try:
        with connection.transaction():
            names = {name for (name,) in connection.execute(_PROBE, prepare=True)}
            ours = [name for name in names if name.startswith("_pg3_")]
            for name in ours:
                connection.execute(f'DEALLOCATE "{name}"')
    except (psycopg.errors.DuplicatePreparedStatement, psycopg.errors.InvalidSqlStatementName):
        return False
    return not ours
