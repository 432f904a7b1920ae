"""Migrations: one at a time, with short lock waits, beside the release before."""

import time

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from app.api.context import current_context
from app.log import describe_error
from app.store.database_errors import sqlstate
from app.store.engine import db, migration_engine

TURN = 7233012457
PAUSE_S = 0.1
REMEDIES = {
    "42501": "The role of DATABASE_URL needs the right to make tables in the database's schema: "
    "let it own the database.",
    "55P03": "Run this command again: it goes on with what is left.",
}
"""What the operator can do about an error, by its SQLSTATE."""


def migrate() -> None:
    """Bring the database the app is configured for to the head revision."""
    # A session of its own: its lock and its settings end with it.
    engine = migration_engine(current_context().settings)
    with open_directly(engine) as connection:
        wait_for_turn(connection)
        context.configure(connection=connection, target_metadata=db.metadata)
        try:
            with context.begin_transaction():
                context.run_migrations()
        except DBAPIError as error:
            reason = " ".join(describe_error(error).split())
            raise CommandError(f"{reason}. {REMEDIES.get(sqlstate(error), '')}".strip()) from error


def open_directly(engine: Engine) -> Connection:
    """A connection to the server itself; an operational error becomes a CommandError of one line.

    Through a pooler the lock would stay in a session that others use, and the next migration would
    wait for it without end.
    """
    try:
        connection = engine.connect()
    except OperationalError as error:
        reason = " ".join(describe_error(error).split())
        raise CommandError(f"The database cannot be reached: {reason}") from None
    if connection.connection.driver_connection.pooled:
        connection.close()
        raise CommandError(
            "DATABASE_URL leads to a connection pooler: give this command one that leads to "
            "PostgreSQL itself."
        )
    return connection


def wait_for_turn(connection: Connection) -> None:
    """Two releases that start at once migrate one after the other.

    Asked for again and again: who waits inside a statement holds a snapshot, for which an index
    that is built concurrently would wait in turn. The lock is the session's, so that it outlasts
    the transactions of a migration that needs several.
    """
    while not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({TURN})").scalar_one():
        connection.rollback()
        time.sleep(PAUSE_S)
    connection.commit()


migrate()
