"""The web's way to PostgreSQL: one Flask-SQLAlchemy engine, short transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Final, cast

import psycopg
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from psycopg.pq import TransactionStatus
from sqlalchemy import (
    Connection,
    Engine,
    ExceptionContext,
    NullPool,
    Pool,
    create_engine,
    event,
    text,
)
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError

from app.config import Settings
from app.store.database_errors import is_away, room_lacking, unavailable
from app.store.sessions import Session, SessionOptions, open_session

db: Final = SQLAlchemy()
_migrate: Final = Migrate(db=db, compare_type=True)

# A web process stopped inside a transaction must not hold a job's row for long. A plan that was
# made and kept while a table was empty must not read it whole when it is not any more.
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
# What looks after the service's health must notice that the database does not answer.
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
# A migration may take long, whatever its role has otherwise, and waits briefly for locks.
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
_LONGER: Final = text("SET LOCAL idle_in_transaction_session_timeout = '60s'")

_around: Final[ContextVar[Connection | None]] = ContextVar("around", default=None)
_to_do: Final[ContextVar[list[Callable[[], None]] | None]] = ContextVar("to_do", default=None)


def init(app: Flask, settings: Settings) -> None:
    """Give `app` its engine and its migrations."""
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
        _give_up_bad_sessions(db.engine)
    _migrate.init_app(app)


def watch_engine(settings: Settings) -> Engine:
    """An engine apart from that of the requests, with one connection, for short statements only."""
    engine = create_engine(
        DIALECT,
        creator=_creator(settings, _WATCHING),
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
    )
    _give_up_bad_sessions(engine)
    return engine


def migration_engine(settings: Settings) -> Engine:
    """An engine whose only connection ends when it is given back, with all that it holds."""
    return create_engine(
        DIALECT,
        creator=_creator(settings, _MIGRATING),
        poolclass=NullPool,
        hide_parameters=True,
    )


def _creator(settings: Settings, options: SessionOptions) -> Callable[[], Session]:
    """What opens the sessions of an engine: SQLAlchemy does not read DATABASE_URL itself."""
    return partial(open_session, settings.database_url, options)


def _give_up_bad_sessions(engine: Engine) -> None:
    """Let the engine lend no session that is known to be no good, and keep none that failed."""

    @event.listens_for(engine, "checkout")
    def _check(session: Session, *_: object) -> None:
        if not session.is_usable:
            raise DisconnectionError

    @event.listens_for(engine, "handle_error")
    def _judge(context: ExceptionContext) -> None:
        if is_away(context.original_exception):
            context.is_disconnect = True


@contextmanager
def transaction() -> Iterator[Connection]:
    """One transaction on one connection; raises Unavailable when the database is away.

    Inside `together` it is a savepoint of that transaction.
    """
    outer = _around.get()
    with _availability():
        if outer is not None:
            with outer.begin_nested(), _giving_up(outer):
                yield outer
            return
        token = _to_do.set([])
        try:
            with db.engine.begin() as connection, _giving_up(connection):
                yield connection
            to_do = _to_do.get() or ()
        finally:
            _to_do.reset(token)
        for each in to_do:
            each()


def after_commit(do: Callable[[], None]) -> bool:
    """Have this done once the transaction under way is committed; False where there is none.

    For what needs rows that others need too: the transaction may be stopped, and would hold them.
    """
    to_do = _to_do.get()
    if to_do is not None:
        to_do.append(do)
    return to_do is not None


@contextmanager
def together() -> Iterator[Connection]:
    """One transaction around all that is done inside: it is stored as a whole, or not at all.

    Whatever is done through `transaction` and `statement` meanwhile, by this thread, is part of it.
    """
    with transaction() as connection:
        token = _around.set(connection)
        try:
            yield connection
        finally:
            _around.reset(token)


def is_together() -> bool:
    """Whether this thread is inside `together`: what it does is not stored before all of it is."""
    return _around.get() is not None


@contextmanager
def apart() -> Iterator[psycopg.Connection]:
    """A transaction of its own, on another connection, whatever is done around it.

    What is done around it must hold no lock that this needs.
    """
    with _availability(), db.engine.begin() as connection, _giving_up(connection):
        yield cast("psycopg.Connection", connection.connection.driver_connection)


@contextmanager
def snapshot() -> Iterator[Connection]:
    """A transaction that sees one state of the database, for answers that are read slowly."""
    with _availability(), db.engine.connect() as connection, _giving_up(connection):
        reading = connection.execution_options(isolation_level="REPEATABLE READ")
        with reading.begin():
            reading.execute(_LONGER)
            yield reading


@contextmanager
def statement() -> Iterator[Connection]:
    """A connection whose every statement commits by itself: a round trip less; same errors.

    Inside `together` they are part of that transaction.
    """
    if _around.get() is not None:
        with transaction() as connection:
            yield connection
        return
    with _availability(), db.engine.connect() as connection, _giving_up(connection):
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def session() -> Iterator[psycopg.Connection]:
    """The driver's own connection for statements of app/store/sql, each of which commits by itself.

    On the hot path SQLAlchemy lends connections only: its execution costs more than the statement.
    Raises Unavailable when the database is away. Inside `together` they are part of that
    transaction.
    """
    if _around.get() is not None:
        with transaction() as outer:
            yield cast("psycopg.Connection", outer.connection.driver_connection)
        return
    with _availability():
        engine = db.engine
        pool = engine.pool
        lent = engine.raw_connection()
        connection = cast("psycopg.Connection", lent.driver_connection)
        try:
            connection.autocommit = True
            yield connection
        except psycopg.Error as error:
            if is_away(error):
                lent.invalidate(error)
                _give_up(engine, pool)
            raise
        finally:
            # Also where a statement failed, as for a name that is taken: whoever borrows it next
            # counts on transactions, which this does not have.
            if not connection.closed:
                if connection.info.transaction_status is TransactionStatus.IDLE:
                    connection.autocommit = False
                else:
                    lent.invalidate()
            lent.close()


@contextmanager
def _giving_up(connection: Connection) -> Iterator[None]:
    """Drop a connection of which a statement of the driver's own has shown that it is no good.

    For those that SQLAlchemy executes, the engine does so.
    """
    pool = connection.engine.pool
    try:
        yield
    except psycopg.Error as error:
        if is_away(error):
            connection.invalidate(error)
            _give_up(connection.engine, pool)
        raise


def _give_up(engine: Engine, pool: Pool) -> None:
    """Drop what else was opened before, which is as bad as what failed: once, whoever says so."""
    if engine.pool is pool:
        engine.dispose()


@contextmanager
def _availability() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, psycopg.Error) as error:
        instead = room_lacking(error) or unavailable(error)
        if instead is None:
            raise
        raise instead from error
