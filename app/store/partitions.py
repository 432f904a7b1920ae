"""History's partitions: one a day, made ahead, dropped when retention ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from app.store.locks import Lock

TABLES: Final = ("run", "attempt")
DAYS_AHEAD: Final = 7
MAX_MOVED: Final = 10_000
"""Rows that are moved from the default partition at most, as nobody writes there meanwhile."""

# Several maintenance loops may run; one at a time makes and drops partitions. What is defined anew
# waits for whoever reads history, as a backup may do for an hour, and whoever writes history waits
# behind it: so it waits for next to nothing, and is tried again later.
_BEGIN: Final = f"""
SELECT set_config('lock_timeout', '50ms', true), pg_try_advisory_xact_lock({Lock.PARTITIONS})
"""
_EXISTING: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %(parent)s::regclass
"""
_IN_DEFAULT: Final = """
SELECT count(*) FROM (
  SELECT FROM {rest} WHERE due_at >= {low} AND due_at < {high} LIMIT {most}) AS found
"""
# By when it happened: a run may be due long before it is called, as a Dapr job may have any dueTime
# and a run is sent again whenever. Attempts are kept as long as their run, which is dropped first.
_OLD: Final = {
    "run": "settled_at < %(first)s",
    "attempt": """
started_at < %(first)s
AND NOT EXISTS (SELECT FROM run r WHERE r.id = each.run_id AND r.due_at = each.due_at)
AND NOT EXISTS (SELECT FROM inflight i WHERE i.id = each.run_id)
""",
}
# What of a day's partition happened since then: runs that were settled long after they were due,
# and attempts of these, and of runs that are under way again.
_KEEP: Final = {
    "run": """
CREATE TEMP TABLE kept ON COMMIT DROP AS
SELECT * FROM {part} WHERE settled_at - due_at > interval '1 day' AND settled_at >= {first}
LIMIT {most}
""",
    "attempt": """
CREATE TEMP TABLE kept ON COMMIT DROP AS
SELECT * FROM {part} WHERE run_id = ANY (ARRAY(
  SELECT id FROM run WHERE due_at >= {low} AND due_at < {high}
  UNION ALL
  SELECT id FROM inflight WHERE attempts > 0 AND due_at >= {low} AND due_at < {high}))
LIMIT {most}
""",
}
_DROP_LEFT: Final = """
DELETE FROM {rest} WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM {rest} each WHERE {old} LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


class Made(NamedTuple):
    """How many partitions were made, and which could not be as the default one has their rows."""

    made: int
    crowded: tuple[str, ...]


def make_ahead(connection: psycopg.Connection, today: date) -> Made:
    """Make the partitions of today and the days ahead that are missing.

    Rows that found no partition and went to the default one are moved to where they belong; where
    these are more than MAX_MOVED, they stay. Raises LockNotAvailable where somebody reads history
    for long.
    """
    days = [today + timedelta(days=offset) for offset in range(-1, DAYS_AHEAD + 1)]
    made = 0
    crowded: list[str] = []
    for table in TABLES:
        existing = _existing(connection, table)
        for day in days:
            name = _name(table, day)
            if name in existing:
                continue
            with _alone(connection) as alone:
                if not alone or name in _existing(connection, table):
                    continue
                if _make(connection, table, day):
                    made += 1
                else:
                    crowded.append(name)
    return Made(made, tuple(crowded))


def drop_before(connection: psycopg.Connection, first_kept: date) -> int:
    """Drop the partitions of days before `first_kept`; how many there were.

    What has happened since then is moved to the default partition; a partition with more of that
    than MAX_MOVED stays. Raises LockNotAvailable where somebody reads history for long; what was
    dropped stays dropped.
    """
    dropped = 0
    for table in TABLES:
        for name in sorted(_existing(connection, table)):
            day = _day(table, name)
            if day is None or day >= first_kept:
                continue
            with _alone(connection) as alone:
                if alone and name in _existing(connection, table):
                    dropped += _drop(connection, table, day, first_kept)
    return dropped


def _drop(connection: psycopg.Connection, table: str, day: date, first_kept: date) -> bool:
    """Drop the partition of a day; False where too much of it is to be kept."""
    if table == "attempt" and _name("run", day) in _existing(connection, "run"):
        return False
    names = {
        **_names(table, day),
        "first": sql.Literal(_midnight(first_kept).isoformat()),
        "most": sql.Literal(MAX_MOVED + 1),
    }
    connection.execute(sql.SQL("LOCK TABLE {part} IN EXCLUSIVE MODE").format(**names))
    kept = connection.execute(sql.SQL(_KEEP[table]).format(**names))
    if kept.rowcount > MAX_MOVED:
        return False
    for statement in ("DROP TABLE {part}", "INSERT INTO {table} SELECT * FROM kept"):
        connection.execute(sql.SQL(statement).format(**names))
    return True


def drop_left(connection: psycopg.Connection, table: str, first_kept: date, *, limit: int) -> int:
    """Drop up to `limit` rows of the default partition that came before `first_kept`; how many."""
    query = sql.SQL(_DROP_LEFT).format(rest=_default(table), old=sql.SQL(_OLD[table]))
    return connection.execute(query, {"first": _midnight(first_kept), "limit": limit}).rowcount


@contextmanager
def _alone(connection: psycopg.Connection) -> Iterator[bool]:
    """A transaction that waits for no lock for long; False where another loop is at it."""
    with connection.transaction():
        row = connection.execute(_BEGIN).fetchone()
        yield row is not None and bool(row[1])


def _make(connection: psycopg.Connection, table: str, day: date) -> bool:
    """Fill a table of its own first: attaching needs a default partition without such rows."""
    names = {**_names(table, day), "rest": _default(table), "most": sql.Literal(MAX_MOVED + 1)}
    connection.execute(sql.SQL("LOCK TABLE {rest} IN SHARE ROW EXCLUSIVE MODE").format(**names))
    found = connection.execute(sql.SQL(_IN_DEFAULT).format(**names)).fetchone()
    if found is not None and found[0] > MAX_MOVED:
        return False
    for statement in (
        "CREATE TABLE {part} (LIKE {table} INCLUDING ALL)",
        """
        WITH moved AS (DELETE FROM {rest} WHERE due_at >= {low} AND due_at < {high} RETURNING *)
        INSERT INTO {part} SELECT * FROM moved
        """,
        "ALTER TABLE {table} ATTACH PARTITION {part} FOR VALUES FROM ({low}) TO ({high})",
    ):
        connection.execute(sql.SQL(statement).format(**names))
    return True


def _names(table: str, day: date) -> dict[str, sql.Composable]:
    """What statements name of the partition of a day."""
    return {
        "table": sql.Identifier(table),
        "part": sql.Identifier(_name(table, day)),
        "low": sql.Literal(_midnight(day).isoformat()),
        "high": sql.Literal(_midnight(day + timedelta(days=1)).isoformat()),
    }


def _default(table: str) -> sql.Identifier:
    return sql.Identifier(f"{table}_default")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def _existing(connection: psycopg.Connection, table: str) -> set[str]:
    return {row[0] for row in connection.execute(_EXISTING, {"parent": table}).fetchall()}


def _name(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"


def _day(table: str, name: str) -> date | None:
    suffix = name.removeprefix(f"{table}_")
    if len(suffix) != len("20260101") or not suffix.isdigit():
        return None
    return datetime.strptime(suffix, "%Y%m%d").replace(tzinfo=UTC).date()
