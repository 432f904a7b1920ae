"""Clock functions: puts functions that tell another time before PostgreSQL's own, in one database.

Imports nothing of the service: the simulation needs it before any module of the service is loaded.
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

_DEFAULTS: Final = """
SELECT attrelid::regclass::text, attname FROM pg_attrdef d JOIN pg_attribute a
ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE pg_get_expr(adbin, adrelid) IN ('clock_timestamp()', 'now()')
"""


def install(connection: psycopg.Connection, schema: str, functions: str) -> None:
    """Create the schema by `functions`; its clock counts in all sessions that begin from now on."""
    defaults = connection.execute(_DEFAULTS).fetchall()
    connection.execute(functions.encode())
    connection.execute(
        sql.SQL("ALTER DATABASE {} SET search_path = {}, pg_catalog, public").format(
            sql.Identifier(connection.info.dbname), sql.Identifier(schema)
        )
    )
    for table, column in defaults:
        connection.execute(
            sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}.clock_timestamp()").format(
                sql.Identifier(table), sql.Identifier(column), sql.Identifier(schema)
            )
        )
