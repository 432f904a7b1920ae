"""The web's connections to PostgreSQL: one Flask-SQLAlchemy engine and short transactions."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import psycopg
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    Engine,
    ExceptionContext,
    NullPool,
    create_engine,
    event,
)
from sqlalchemy.exc import DisconnectionError

from app.config import Settings
from app.store.database import Database
from app.store.database_errors import is_away
from app.store.sessions import Session, SessionOptions, open_session

db: Final = SQLAlchemy()

# A web process that is stopped inside a transaction must not hold a job's row for long. A plan that
# was made and kept while a table was empty must not read all of it once it is full.
SESSION: Final = SessionOptions(
    settings={
        "timezone": "UTC",
        "jit": "off",
        "enable_seqscan": "off",
        "statement_timeout": 10_000,
        "lock_timeout": 5_000,
        "idle_in_transaction_session_timeout": 5_000,
    }
)
# The health check must notice that the database does not answer.
_WATCHING: Final = SessionOptions(
    settings={
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": 1_000,
        "lock_timeout": 500,
        "idle_in_transaction_session_timeout": 5_000,
    },
    connect_s=2,
)
# A migration may take long, whatever timeouts its role has, and waits only briefly for locks.
_MIGRATING: Final = SessionOptions(
    settings={
        "timezone": "UTC",
        "statement_timeout": 0,
        "lock_timeout": 4_000,
        "idle_in_transaction_session_timeout": 0,
    }
)
POOL_WAIT_S: Final = 5
DIALECT: Final = "postgresql+psycopg://"


def init(app: Flask, settings: Settings) -> Database:
    """Give `app` its engine; the database that it reaches by it."""
    app.config["SQLALCHEMY_DATABASE_URI"] = DIALECT
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "creator": _creator(settings, SESSION),
        "pool_size": 8,
        "max_overflow": 8,
        "pool_timeout": POOL_WAIT_S,
        "pool_pre_ping": False,
        "pool_use_lifo": True,
        # Parameters are URLs, headers and data of tenants.
        "hide_parameters": True,
    }
    db.init_app(app)
    with app.app_context():
        found = db.engine
    _give_up_bad_sessions(found, SESSION)
    return Database(found)


def watch_engine(settings: Settings) -> Engine:
    """An engine of its own with one connection, apart from the requests', for short statements."""
    engine = create_engine(
        DIALECT,
        creator=_creator(settings, _WATCHING),
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
    )
    _give_up_bad_sessions(engine, _WATCHING)
    return engine


def mail_engine(settings: Settings) -> Engine:
    """An engine of its own with one connection, for the transactions of the mailer."""
    engine = create_engine(
        DIALECT,
        creator=_creator(settings, SESSION),
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
    )
    _give_up_bad_sessions(engine, SESSION)
    return engine


def migration_engine(settings: Settings) -> Engine:
    """An engine whose only connection is closed, with all its locks, when it is returned."""
    return create_engine(
        DIALECT,
        creator=_creator(settings, _MIGRATING),
        poolclass=NullPool,
        hide_parameters=True,
    )


def _creator(settings: Settings, options: SessionOptions) -> Callable[[], Session]:
    """Opens the sessions of an engine, because SQLAlchemy itself does not read DATABASE_URL."""
    return partial(open_session, settings.database_url, options)


def _give_up_bad_sessions(engine: Engine, options: SessionOptions) -> None:
    """Let the engine lend no session that is known to be broken, and keep none that failed.

    SQLAlchemy closes the cursor of a statement that failed, but not that of a session that is lost.
    """

    @event.listens_for(engine, "checkout")
    def _check(session: Session, *_: object) -> None:
        if not session.is_usable:
            raise DisconnectionError

    @event.listens_for(engine, "connect")
    def _forget_the_future(*_: object) -> None:
        # At each use SQLAlchemy replaces a session that was begun before a lost one was noticed, by
        # the machine's clock. If that was ahead then, it would replace all until that time comes.
        now = time.time()
        if engine.pool._invalidate_time > now:  # noqa: SLF001 - it can be set in no other way
            engine.pool._invalidate_time = now - options.connect_s  # noqa: SLF001 - as above

    @event.listens_for(engine, "handle_error")
    def _judge(context: ExceptionContext) -> None:
        if is_away(context.original_exception):
            context.is_disconnect = True
        execution = context.execution_context
        if context.is_disconnect and execution is not None and execution.cursor is not None:
            with suppress(psycopg.Error):
                execution.cursor.close()
