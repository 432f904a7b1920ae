"""The web's transactions: what a use case may do with a connection, and how its failures are told.

Write a change in `transaction`, a single query in `statement`, and a statement of queries.sql in
`session`. All of them raise Unavailable while the database is away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final, cast

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, Pool, text
from sqlalchemy.exc import SQLAlchemyError

from app.errors import Unavailable
from app.store.database_errors import is_away, room_lacking, unavailable

_LONGER: Final = text("SET LOCAL idle_in_transaction_session_timeout = '60s'")

AfterCommit = Callable[[psycopg.Connection], None]

_unit_of_work: Final[ContextVar[Connection | None]] = ContextVar("unit_of_work", default=None)
_after_commit: Final[ContextVar[list[AfterCommit] | None]] = ContextVar(
    "after_commit", default=None
)


class Database:
    """The database of one application, through the pool of connections of its engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine: Final = engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction on one connection; raises Unavailable when the database is away.

        Inside `unit_of_work` it is a savepoint of that transaction.
        """
        outer = _unit_of_work.get()
        with _translated_errors():
            if outer is not None:
                with outer.begin_nested(), _invalidated_if_away(outer):
                    yield outer
                return
            token = _after_commit.set([])
            try:
                with self.engine.begin() as connection, _invalidated_if_away(connection):
                    yield connection
                to_do = _after_commit.get() or ()
            finally:
                _after_commit.reset(token)
            for each in to_do:
                # The transaction is committed: that the database is away by now changes nothing.
                with suppress(Unavailable), self.session() as connection_after:
                    each(connection_after)

    @contextmanager
    def unit_of_work(self) -> Iterator[Connection]:
        """One transaction around everything inside: all of it is stored, or nothing.

        What this thread does through `transaction`, `statement` and `session` inside is part of it.
        """
        with self.transaction() as connection:
            token = _unit_of_work.set(connection)
            try:
                yield connection
            finally:
                _unit_of_work.reset(token)

    @contextmanager
    def separate_transaction(self) -> Iterator[psycopg.Connection]:
        """A transaction on another connection, which commits even inside `unit_of_work`.

        The transactions around it must hold no lock that this one needs.
        """
        with (
            _translated_errors(),
            self.engine.begin() as connection,
            _invalidated_if_away(connection),
        ):
            yield driver_of(connection)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database, for answers that are read slowly."""
        with (
            _translated_errors(),
            self.engine.connect() as connection,
            _invalidated_if_away(connection),
        ):
            reading = connection.execution_options(isolation_level="REPEATABLE READ")
            with reading.begin():
                reading.execute(_LONGER)
                yield reading

    @contextmanager
    def statement(self) -> Iterator[Connection]:
        """A connection each of whose statements commits by itself, which saves a round trip.

        Inside `unit_of_work` the statements are part of that transaction.
        """
        if _unit_of_work.get() is not None:
            with self.transaction() as connection:
                yield connection
            return
        with (
            _translated_errors(),
            self.engine.connect() as connection,
            _invalidated_if_away(connection),
        ):
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def session(self) -> Iterator[psycopg.Connection]:
        """The driver's own connection for statements of queries.sql; each commits by itself.

        On the hot path SQLAlchemy lends connections only: to execute a statement through it costs
        more than the statement. Inside `unit_of_work` the statements are part of that transaction.
        """
        if _unit_of_work.get() is not None:
            with self.transaction() as outer:
                yield driver_of(outer)
            return
        with _translated_errors():
            pool = self.engine.pool
            lent = self.engine.raw_connection()
            connection = cast("psycopg.Connection", lent.driver_connection)
            try:
                connection.autocommit = True
                yield connection
            except psycopg.Error as error:
                if is_away(error):
                    lent.invalidate(error)
                    _dispose_once(self.engine, pool)
                raise
            finally:
                # Also after a statement that failed, for example because a name is taken: the next
                # borrower counts on transactions, and this connection commits by itself.
                if not connection.closed:
                    if connection.info.transaction_status is TransactionStatus.IDLE:
                        connection.autocommit = False
                    else:
                        lent.invalidate()
                lent.close()


def driver_of(connection: Connection) -> psycopg.Connection:
    """The driver's connection of a transaction: the named statements run on it are part of it."""
    return cast("psycopg.Connection", connection.connection.driver_connection)


def after_commit(do: AfterCommit) -> bool:
    """Have `do` called once the present transaction is committed; False where there is none.

    For statements that need rows which other transactions need too: the process may be stopped
    inside this transaction, which would hold those rows.
    """
    to_do = _after_commit.get()
    if to_do is not None:
        to_do.append(do)
    return to_do is not None


def in_unit_of_work() -> bool:
    """Whether this thread is inside `unit_of_work`: nothing it does is stored before the end."""
    return _unit_of_work.get() is not None


@contextmanager
def _invalidated_if_away(connection: Connection) -> Iterator[None]:
    """Drop a connection on which a statement of the driver's own showed that the server is away.

    For statements that SQLAlchemy executes, the engine does so.
    """
    pool = connection.engine.pool
    try:
        yield
    except psycopg.Error as error:
        if is_away(error):
            connection.invalidate(error)
            _dispose_once(connection.engine, pool)
        raise


def _dispose_once(engine: Engine, pool: Pool) -> None:
    """Drop the pool that the failed connection came from: its other connections fail as well.

    Several threads may find that out at once; the pool is replaced by the first.
    """
    if engine.pool is pool:
        engine.dispose()


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Raise the errors of the database as those of the tree that a client is told."""
    try:
        yield
    except (SQLAlchemyError, psycopg.Error) as error:
        instead = room_lacking(error) or unavailable(error)
        if instead is None:
            raise
        raise instead from error
