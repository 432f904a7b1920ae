"""Migrations: run in one transaction with short lock waits, beside the release before."""

from alembic import context
from flask import current_app

from app.store.engine import db

LOCK_TIMEOUT = "4s"


def migrate() -> None:
    """Bring the database the app is configured for to the head revision."""
    with current_app.app_context(), db.engine.connect() as connection:
        context.configure(connection=connection, target_metadata=db.metadata)
        with context.begin_transaction():
            # Two releases that start at once migrate one after the other.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7233012457)")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            context.run_migrations()


migrate()
