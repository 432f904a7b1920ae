"""History's partitions: one a day, made ahead, dropped when retention ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import psycopg
from psycopg import sql

TABLES: Final = ("run", "attempt")
DAYS_AHEAD: Final = 7

# Several maintenance loops may run; one at a time makes and drops partitions.
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(7233012458)"
_EXISTING: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %(parent)s::regclass
"""


def make_ahead(connection: psycopg.Connection, today: date) -> int:
    """Make the partitions of today and the days ahead that are missing; how many there were.

    Rows that found no partition and went to the default one are moved to where they belong.
    """
    days = [today + timedelta(days=offset) for offset in range(-1, DAYS_AHEAD + 1)]
    made = 0
    for table in TABLES:
        for day in days:
            with connection.transaction():
                connection.execute(_ONE_AT_A_TIME)
                if _name(table, day) not in _existing(connection, table):
                    _make(connection, table, day)
                    made += 1
    return made


def drop_before(connection: psycopg.Connection, first_kept: date) -> int:
    """Drop the partitions of days before `first_kept`; how many there were.

    What is that old in the default partition goes too.
    """
    dropped = 0
    for table in TABLES:
        with connection.transaction():
            connection.execute(_ONE_AT_A_TIME)
            for name in sorted(_existing(connection, table)):
                day = _day(table, name)
                if day is not None and day < first_kept:
                    connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
                    dropped += 1
            connection.execute(
                sql.SQL("DELETE FROM {} WHERE due_at < %(first)s").format(
                    sql.Identifier(f"{table}_default")
                ),
                {"first": datetime.combine(first_kept, datetime.min.time(), UTC)},
            )
    return dropped


def _make(connection: psycopg.Connection, table: str, day: date) -> None:
    """Fill a table of its own first: attaching needs a default partition without such rows."""
    names = {
        "table": sql.Identifier(table),
        "part": sql.Identifier(_name(table, day)),
        "rest": sql.Identifier(f"{table}_default"),
        "low": sql.Literal(datetime.combine(day, datetime.min.time(), UTC).isoformat()),
        "high": sql.Literal(
            datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC).isoformat()
        ),
    }
    for statement in (
        "CREATE TABLE {part} (LIKE {table} INCLUDING ALL)",
        "LOCK TABLE {rest} IN SHARE ROW EXCLUSIVE MODE",
        """
        WITH moved AS (DELETE FROM {rest} WHERE due_at >= {low} AND due_at < {high} RETURNING *)
        INSERT INTO {part} SELECT * FROM moved
        """,
        "ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({low}) TO ({high})",
    ):
        connection.execute(sql.SQL(statement).format(**names))


def _existing(connection: psycopg.Connection, table: str) -> set[str]:
    return {row[0] for row in connection.execute(_EXISTING, {"parent": table}).fetchall()}


def _name(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"


def _day(table: str, name: str) -> date | None:
    suffix = name.removeprefix(f"{table}_")
    if len(suffix) != len("20260101") or not suffix.isdigit():
        return None
    return datetime.strptime(suffix, "%Y%m%d").replace(tzinfo=UTC).date()
