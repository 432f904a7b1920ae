"""Pooling: verifies the settings of a session that may go through a connection pooler.

PgBouncer in transaction mode assigns a server session for one transaction at a time. It does not
pass on the settings given when a session is opened, nor, before 1.22, prepared statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg

LIMITS: Final = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
"""Timeouts that each session must have, so that one waiting session cannot block all others."""

_REMEDY: Final = (
    "the connection pooler does not pass on settings given when a session is opened. "
    "See `Connection poolers` in docs/operations.md"
)
_REFUSES_OPTIONS: Final = "unsupported startup parameter"

_FOUND: Final = """
SELECT pg_backend_pid(), date_part('epoch', pg_postmaster_start_time()),
       current_setting('timezone'),
       (SELECT array_agg(extract(epoch FROM current_setting(name)::interval)::float8 ORDER BY n)
        FROM unnest(%s::text[]) WITH ORDINALITY AS wanted (name, n))
"""
_PROBE: Final = "SELECT name FROM pg_prepared_statements WHERE starts_with(name, '_pg')"


class PoolerUnfit(psycopg.OperationalError):
    """The connection pooler in front of the server is not configured for Wakecall."""


def explain(error: psycopg.OperationalError) -> psycopg.OperationalError:
    """Return `error`, or PoolerUnfit with a remedy if a pooler refused the session's settings."""
    return PoolerUnfit(f"{error}: {_REMEDY}") if _REFUSES_OPTIONS in str(error) else error


def verify(
    connection: psycopg.Connection[Any], wanted: Mapping[str, str | int]
) -> tuple[bool, float | None, float]:
    """Return whether there is a pooler, the statement timeout in force, and the server's start.

    The timeout is in seconds, None if statements have none; the start in seconds since 1970. Raises
    PoolerUnfit if the session lacks one of the timeouts in `wanted`, or has another time zone. The
    timeouts may have other values than `wanted`: with a pooler they are those of the role.
    """
    ((backend, started, timezone, limits),) = connection.execute(_FOUND, (list(LIMITS),)).fetchall()
    actual = dict(zip(LIMITS, limits, strict=True))
    missing = [name for name in LIMITS if wanted.get(name) and not actual[name]]
    if timezone != wanted.get("timezone", timezone):
        missing.append("timezone")
    if missing:
        raise PoolerUnfit(f"the session was opened without {', '.join(missing)}: {_REMEDY}")
    # The process id that a client gets from a pooler is not the one of the server.
    pooled = backend != connection.info.backend_pid
    return pooled, actual["statement_timeout"] or None, started


def passes_on_prepared_statements(connection: psycopg.Connection[Any]) -> bool:
    """Return whether this pooler supports prepared statements; leaves none in the session.

    A pooler that supports them renames them, because other clients use the same names.
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
