"""The web's way to PostgreSQL: one Flask-SQLAlchemy engine, short transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, cast

import psycopg
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.store.database_errors import room_lacking, unavailable

db: Final = SQLAlchemy()
_migrate: Final = Migrate(db=db, compare_type=True)

# A web process stopped inside a transaction must not hold a job's row for long. A plan that was
# made and kept while a table was empty must not read it whole when it is not any more.
_SESSION: Final = (
    "-c timezone=UTC -c jit=off -c enable_seqscan=off "
    "-c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=5000"
)
# What looks after the service's health must notice that the database does not answer.
_WATCHING: Final = (
    "-c timezone=UTC -c jit=off -c statement_timeout=1000 -c lock_timeout=500 "
    "-c idle_in_transaction_session_timeout=5000"
)
POOL_WAIT_S: Final = 5
_LONGER: Final = text("SET LOCAL idle_in_transaction_session_timeout = '60s'")

_around: Final[ContextVar[Connection | None]] = ContextVar("around", default=None)
_to_do: Final[ContextVar[list[Callable[[], None]] | None]] = ContextVar("to_do", default=None)


def init(app: Flask, settings: Settings) -> None:
    """Give `app` its engine and its migrations."""
    app.config["SQLALCHEMY_DATABASE_URI"] = sqlalchemy_url(settings.database_url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "connect_args": {"options": _SESSION, "connect_timeout": 3},
        "pool_size": 8,
        "max_overflow": 8,
        "pool_timeout": POOL_WAIT_S,
        "pool_pre_ping": False,
        "pool_use_lifo": True,
        # Parameters are URLs, headers and data of tenants.
        "hide_parameters": True,
    }
    db.init_app(app)
    _migrate.init_app(app)


def watch_engine(settings: Settings) -> Engine:
    """An engine apart from that of the requests, with one connection, for short statements only."""
    return create_engine(
        sqlalchemy_url(settings.database_url),
        connect_args={"options": _WATCHING, "connect_timeout": 2, "tcp_user_timeout": 3000},
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
    )


def sqlalchemy_url(url: str) -> str:
    """The same database, named the way SQLAlchemy chooses psycopg 3."""
    scheme, separator, rest = url.partition("://")
    known = {"postgres", "postgresql"}
    return f"postgresql+psycopg{separator}{rest}" if scheme in known else url


@contextmanager
def transaction() -> Iterator[Connection]:
    """One transaction on one connection; raises Unavailable when the database is away.

    Inside `together` it is a savepoint of that transaction.
    """
    outer = _around.get()
    with _availability():
        if outer is not None:
            with outer.begin_nested():
                yield outer
            return
        token = _to_do.set([])
        try:
            with db.engine.begin() as connection:
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


@contextmanager
def apart() -> Iterator[psycopg.Connection]:
    """A transaction of its own, on another connection, whatever is done around it.

    What is done around it must hold no lock that this needs.
    """
    with _availability(), db.engine.begin() as connection:
        yield cast("psycopg.Connection", connection.connection.driver_connection)


@contextmanager
def snapshot() -> Iterator[Connection]:
    """A transaction that sees one state of the database, for answers that are read slowly."""
    with _availability(), db.engine.connect() as connection:
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
    with _availability(), db.engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def session() -> Iterator[psycopg.Connection]:
    """The driver's own connection for statements of queries.sql, each of which commits by itself.

    On the hot path SQLAlchemy lends connections only: its execution costs more than the statement.
    Raises Unavailable when the database is away. Inside `together` they are part of that
    transaction.
    """
    if _around.get() is not None:
        with transaction() as outer:
            yield cast("psycopg.Connection", outer.connection.driver_connection)
        return
    with _availability():
        lent = db.engine.raw_connection()
        connection = cast("psycopg.Connection", lent.driver_connection)
        try:
            connection.autocommit = True
            yield connection
        except psycopg.OperationalError:
            if connection.closed:
                # As SQLAlchemy does for its own: what was opened before is as dead as this one.
                db.engine.dispose()
            raise
        finally:
            # Also where a statement failed, as for a name that is taken: whoever borrows it next
            # counts on transactions, which this does not have.
            if connection.info.transaction_status is TransactionStatus.IDLE:
                connection.autocommit = False
            else:
                lent.invalidate()
            lent.close()


@contextmanager
def _availability() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, psycopg.Error) as error:
        instead = room_lacking(error) or unavailable(error)
        if instead is None:
            raise
        raise instead from error
