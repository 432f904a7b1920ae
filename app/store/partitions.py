"""Partitions of the history: one for each day, created ahead, dropped when retention ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from app.store.locks import Lock

TABLES: Final = ("run", "attempt")
DAYS_AHEAD: Final = 7
MAX_MOVED: Final = 10_000
"""The most rows moved from or to the default partition at once: the move blocks writers."""

# Several maintenance loops may run; one at a time creates and drops partitions. These statements
# wait for all readers of the history (a backup may read for an hour), and writers of the history
# queue behind them. So they wait for a lock for 50 ms only, and are tried again later. Where a
# constraint says that the default partition has no row of a day, it is not read for rows of it.
_BEGIN: Final = f"""
SELECT set_config('lock_timeout', '50ms', true), set_config('constraint_exclusion', 'on', true),
       pg_try_advisory_xact_lock({Lock.PARTITIONS})
"""
# While this constraint is valid, the default partition is not read when one of a day is attached.
_SHUT: Final = """
ALTER TABLE {rest} ADD CONSTRAINT days_ahead CHECK (due_at < {low} OR due_at >= {high}) NOT VALID
"""
_VALIDATE: Final = "ALTER TABLE {rest} VALIDATE CONSTRAINT days_ahead"
_OPEN: Final = "ALTER TABLE {rest} DROP CONSTRAINT IF EXISTS days_ahead"
_IS_SHUT: Final = """
SELECT FROM pg_constraint WHERE conrelid = %(rest)s::regclass AND conname = 'days_ahead'
"""
_PATIENTLY: Final = "SELECT set_config('statement_timeout', '600s', true)"
_EXISTING: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %(parent)s::regclass
"""
_IN_DEFAULT: Final = """
SELECT count(*) FROM (
  SELECT FROM {rest} WHERE due_at >= {low} AND due_at < {high} LIMIT {most}) AS found
"""
# Rows expire by when they happened, not by when they were due: a Dapr job may have any dueTime, and
# a run may be redelivered at any time. Attempts stay as long as their run, which is dropped first.
_OLD: Final = {
    "run": "settled_at < %(first)s",
    "attempt": """
started_at < %(first)s
AND NOT EXISTS (SELECT FROM run r WHERE r.id = each.run_id AND r.due_at = each.due_at)
AND NOT EXISTS (SELECT FROM inflight i WHERE i.id = each.run_id)
""",
}
# The rows of a day's partition that must stay: runs settled on or after the first kept day, long
# after they were due; attempts of these; and attempts of runs that are in flight again.
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
    """The result of `make_ahead`.

    `made` is the number of partitions created. `crowded` names those that were not created because
    the default partition has too many of their rows.
    """

    made: int
    crowded: tuple[str, ...]


class Dropped(NamedTuple):
    """The result of `drop_before`.

    `dropped` is the number of partitions dropped. `crowded` names those that stay because too many
    of their rows must: `drop_expired` deletes the others.
    """

    dropped: int
    crowded: tuple[str, ...]


def make_ahead(connection: psycopg.Connection, today: date) -> Made:
    """Create the missing partitions from yesterday to DAYS_AHEAD days after `today`.

    Rows of such a day move from the default partition to the new one. If there are more than
    MAX_MOVED, the rows stay and the partition is not created. Raises LockNotAvailable if another
    transaction reads the history for longer than 50 ms.
    """
    days = [today + timedelta(days=offset) for offset in range(-1, DAYS_AHEAD + 1)]
    made = 0
    crowded: list[str] = []
    for table in TABLES:
        existing = _existing(connection, table)
        missing = [day for day in days if _name(table, day) not in existing]
        with _shut(connection, table, [day for day in missing if day > today]):
            for day in missing:
                name = _name(table, day)
                with _alone(connection) as alone:
                    if not alone or name in _existing(connection, table):
                        continue
                    if _make(connection, table, day):
                        made += 1
                    else:
                        crowded.append(name)
    return Made(made, tuple(crowded))


def drop_before(connection: psycopg.Connection, first_kept: date) -> Dropped:
    """Drop the partitions of days before `first_kept`.

    Rows that happened on or after `first_kept` move to the default partition; a partition with
    more than MAX_MOVED of them stays. Raises LockNotAvailable if another transaction reads the
    history for longer than 50 ms; partitions dropped before that stay dropped.
    """
    dropped = 0
    crowded: list[str] = []
    for table in TABLES:
        for name in sorted(_existing(connection, table)):
            day = _day(table, name)
            if day is None or day >= first_kept:
                continue
            with _alone(connection) as alone:
                if not alone or name not in _existing(connection, table):
                    continue
                if _drop(connection, table, day, first_kept):
                    dropped += 1
                else:
                    crowded.append(name)
    return Dropped(dropped, tuple(crowded))


def _drop(connection: psycopg.Connection, table: str, day: date, first_kept: date) -> bool:
    """Drop the partition of a day; False if too many of its rows must stay."""
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
    """Delete up to `limit` rows of the default partition from before `first_kept`.

    Returns how many were deleted.
    """
    return _delete_old(connection, table, _default(table), first_kept, limit)


def drop_expired(
    connection: psycopg.Connection, crowded: str, first_kept: date, *, limit: int
) -> int:
    """Delete up to `limit` rows from before `first_kept` of a partition that `drop_before` named.

    Returns how many were deleted. Attempts are deleted once their runs are.
    """
    table = crowded.partition("_")[0]
    return _delete_old(connection, table, sql.Identifier(crowded), first_kept, limit)


def _delete_old(
    connection: psycopg.Connection,
    table: str,
    part: sql.Identifier,
    first_kept: date,
    limit: int,
) -> int:
    query = sql.SQL(_DROP_LEFT).format(rest=part, old=sql.SQL(_OLD[table]))
    return connection.execute(query, {"first": _midnight(first_kept), "limit": limit}).rowcount


@contextmanager
def _alone(connection: psycopg.Connection) -> Iterator[bool]:
    """A transaction with a lock timeout of 50 ms; yields False if another loop is in one."""
    with connection.transaction():
        row = connection.execute(_BEGIN).fetchone()
        yield row is not None and bool(row[-1])


@contextmanager
def _shut(connection: psycopg.Connection, table: str, days: Sequence[date]) -> Iterator[None]:
    """Keep rows of these days, which are to come, out of the default partition meanwhile.

    One account may fill the default partition, with jobs whose dueTime is always older than what is
    kept. To read all of it while it is locked would hold up the history of every account. The
    constraint is validated beside those who write; of a day that has begun rows may be written.
    """
    if not days:
        _open(connection, table)
        yield
        return
    names = {
        "rest": _default(table),
        "low": sql.Literal(_midnight(days[0]).isoformat()),
        "high": sql.Literal(_midnight(days[-1] + timedelta(days=1)).isoformat()),
    }
    with _alone(connection) as alone:
        if alone:
            for statement in (_OPEN, _SHUT):
                connection.execute(sql.SQL(statement).format(**names))
    try:
        if alone:
            _validate(connection, table)
        yield
    finally:
        _open(connection, table)


def _validate(connection: psycopg.Connection, table: str) -> None:
    """Validate the constraint, if it holds and is still there.

    Where the clock was set back, rows may be there that deny it; another loop may have removed it.
    """
    errors = psycopg.errors
    with suppress(errors.CheckViolation, errors.UndefinedObject), _alone(connection) as alone:
        if alone:
            connection.execute(_PATIENTLY)
            connection.execute(sql.SQL(_VALIDATE).format(rest=_default(table)))


def _open(connection: psycopg.Connection, table: str) -> None:
    """Remove the constraint: this loop's, or that of one that has ended without doing so."""
    if connection.execute(_IS_SHUT, {"rest": f"{table}_default"}).fetchone() is None:
        return
    with _alone(connection) as alone:
        if alone:
            connection.execute(sql.SQL(_OPEN).format(rest=_default(table)))


def _make(connection: psycopg.Connection, table: str, day: date) -> bool:
    """Create the partition of a day; False if the default partition has too many of its rows.

    The new table is filled before it is attached: PostgreSQL attaches a partition only if the
    default one has no rows of it.
    """
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
    """Return the names and bounds that statements about the partition of a day contain."""
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
