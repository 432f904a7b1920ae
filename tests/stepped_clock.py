"""Stepped clock: a database whose clock a test sets, for every session there is.

A schema before `pg_catalog` in the search path of the database has the functions that tell the
time. So every statement of every process gets the time that the test has set, and no server,
and no other database, has another clock than before.
"""

from __future__ import annotations

import psycopg

from tests import clock_functions
from tests.factories import connect

_CLOCK = """
CREATE SCHEMA stepped;
CREATE TABLE stepped.clock (ahead interval NOT NULL);
INSERT INTO stepped.clock VALUES ('0');
CREATE FUNCTION stepped.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
  'SELECT pg_catalog.clock_timestamp() + (SELECT ahead FROM stepped.clock)';
CREATE FUNCTION stepped.now() RETURNS timestamptz LANGUAGE sql STABLE AS
  'SELECT pg_catalog.now() + (SELECT ahead FROM stepped.clock)';
"""


def install(database: str) -> None:
    """Give the database a clock that can be set, for the sessions that begin from now on."""
    with connect(database) as connection:
        clock_functions.install(connection, "stepped", _CLOCK)


def set_clock(connection: psycopg.Connection, *, ahead: float) -> None:
    """Let the clock be so many seconds ahead of the right one."""
    connection.execute("UPDATE stepped.clock SET ahead = make_interval(secs => %s)", (ahead,))
