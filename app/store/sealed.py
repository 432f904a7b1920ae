"""Sealed values: the columns with encrypted values, read page by page and encrypted again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from psycopg import sql


class Column(NamedTuple):
    """A column with encrypted values."""

    holds: str
    """The values in words."""
    table: LiteralString
    keys: tuple[LiteralString, ...]
    """The columns of the primary key."""
    column: LiteralString
    sealed: LiteralString
    """The expression that selects the value; NULL in a row whose value is not encrypted."""


COLUMNS: Final = (
    Column("signing secrets", "signing_secret", ("id",), "sealed", "sealed"),
    Column(
        "tokens of apps and runners",
        "endpoint",
        ("account_id", "dialect", "name"),
        "sealed_token",
        "sealed_token",
    ),
    Column(
        "kept answers",
        "kept_answer",
        ("account_id", "key"),
        "body",
        "CASE WHEN sealed THEN body END",
    ),
    Column("mail to be sent", "outbox", ("id",), "sealed", "sealed"),
)
"""All columns with encrypted values: a key can be removed when none of these needs it."""

Position = tuple[Any, ...]
"""The keys of the last row of a page."""


class Page(NamedTuple):
    """A page that was read."""

    rows: int
    last: Position | None
    """The position of its last row; None if no rows follow."""


def walk(
    connection: psycopg.Connection,
    column: Column,
    *,
    after: Position | None,
    limit: int,
    reseal: Callable[[bytes], bytes | None],
) -> Page:
    """Call `reseal` with each encrypted value of up to `limit` rows, and store its result.

    A value that another transaction has changed since it was read is not replaced.
    """
    rows = connection.execute(*_read(column, after, limit)).fetchall()
    write = _write(column)
    for *keys, sealed in rows:
        instead = None if sealed is None else reseal(bytes(sealed))
        if instead is not None:
            connection.execute(write, [instead, *keys, sealed])
    return Page(len(rows), tuple(rows[-1][:-1]) if len(rows) == limit else None)


def _read(column: Column, after: Position | None, limit: int) -> tuple[sql.Composed, list[Any]]:
    keys = sql.SQL(", ").join(map(sql.Identifier, column.keys))
    where: sql.Composable = sql.SQL("")
    if after is not None:
        values = sql.SQL(", ").join([sql.Placeholder()] * len(after))
        where = sql.SQL("WHERE ({}) > ({})").format(keys, values)
    query = sql.SQL("SELECT {}, {} FROM {} {} ORDER BY {} LIMIT %s").format(
        keys, sql.SQL(column.sealed), sql.Identifier(column.table), where, keys
    )
    return query, [*(after or ()), limit]


def _write(column: Column) -> sql.Composed:
    conditions: Sequence[sql.Composable] = [
        sql.SQL("{} = %s").format(sql.Identifier(each)) for each in (*column.keys, column.column)
    ]
    return sql.SQL("UPDATE {} SET {} = %s WHERE {}").format(
        sql.Identifier(column.table),
        sql.Identifier(column.column),
        sql.SQL(" AND ").join(conditions),
    )
