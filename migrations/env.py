"""Migrations: one at a time, with short lock waits, beside the release before."""

import time

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from app.store.engine import db, migration_engine

TURN = 7233012457
PAUSE_S = 0.1


def migrate() -> None:
    """Bring the database the app is configured for to the head revision."""
    # A session of its own: its lock and its settings end with it.
    engine = migration_engine(current_app.config["WAKECALL_SETTINGS"])
    with engine.connect() as connection:
        wait_for_turn(connection)
        context.configure(connection=connection, target_metadata=db.metadata)
        with context.begin_transaction():
            context.run_migrations()


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
