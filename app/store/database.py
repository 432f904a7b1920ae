"""Database: the transactions of use cases, and the translation of the database's errors.

Use `transaction` for a change, `statement` for a single query, and `session` for a named statement
of app/store/sql. All of them raise Unavailable while the database is away.
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
from app.store.database_errors import AWAY, is_away, room_lacking, unavailable

_LONGER: Final = text("SET LOCAL idle_in_transaction_session_timeout = '60s'")

AfterCommit = Callable[[psycopg.Connection], None]

_unit_of_work: Final[ContextVar[Connection | None]] = ContextVar("unit_of_work", default=None)
_after_commit: Final[ContextVar[list[AfterCommit] | None]] = ContextVar(
    "after_commit", default=None
)


_declared_away: Final[ContextVar[bool]] = ContextVar("declared_away", default=False)


def declare_away(*, is_away: bool) -> None:
    """Let all use of the database in this thread raise Unavailable, as if it had just been lost."""
    _declared_away.set(is_away)


class Database:
    """The database of one application, through its engine's pool of connections."""

    def __init__(self, engine: Engine) -> None:
        self.engine: Final = engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a connection in a transaction; raises Unavailable if the database is away.

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
                # The transaction is committed, even if the database is away now.
                with suppress(Unavailable), self.session() as connection_after:
                    each(connection_after)

    @contextmanager
    def unit_of_work(self) -> Iterator[Connection]:
        """Yield a connection in a transaction around everything inside: all is stored, or nothing.

        Everything that this thread does inside with `transaction`, `statement` and `session` is
        part of that transaction.
        """
        with self.transaction() as connection:
            token = _unit_of_work.set(connection)
            try:
                yield connection
            finally:
                _unit_of_work.reset(token)

    @contextmanager
    def separate_transaction(self) -> Iterator[psycopg.Connection]:
        """Yield another connection in a transaction that commits even inside `unit_of_work`.

        The transactions around it must not hold locks that this one needs.
        """
        with (
            _translated_errors(),
            self.engine.begin() as connection,
            _invalidated_if_away(connection),
        ):
            yield driver_of(connection)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Yield a connection in a transaction that sees one state of the database.

        It may stay open longer than others, for responses that clients read slowly.
        """
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
        """Yield a connection in autocommit mode, which saves a round trip.

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
        """Yield the driver's connection for named statements, in autocommit mode.

        On the hot path SQLAlchemy only lends connections, because executing a statement through it
        costs more than the statement itself. Inside `unit_of_work` the statements are part of that
        transaction.
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
                # The next borrower expects transactions, not autocommit. Also after a statement
                # that failed, for example because a name is taken.
                if not connection.closed:
                    if connection.info.transaction_status is TransactionStatus.IDLE:
                        connection.autocommit = False
                    else:
                        lent.invalidate()
                lent.close()


def driver_of(connection: Connection) -> psycopg.Connection:
    """Return the driver's connection of a transaction, for named statements in that transaction."""
    return cast("psycopg.Connection", connection.connection.driver_connection)


def after_commit(do: AfterCommit) -> bool:
    """Call `do` after the current transaction has committed; return False if there is none.

    It is for statements on rows that other transactions need, too: if the process were stopped
    inside this transaction, it would keep these rows locked.
    """
    to_do = _after_commit.get()
    if to_do is not None:
        to_do.append(do)
    return to_do is not None


def in_unit_of_work() -> bool:
    """Return whether this thread is inside `unit_of_work`: its changes are stored at the end."""
    return _unit_of_work.get() is not None


@contextmanager
def _invalidated_if_away(connection: Connection) -> Iterator[None]:
    """Drop a connection if an error of a statement that the driver executed shows it is broken.

    For statements that SQLAlchemy executes, the engine does this.
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
    """Drop the pool of a failed connection, because its other connections fail as well.

    Several threads may notice it at once; the first one replaces the pool.
    """
    if engine.pool is pool:
        engine.dispose()


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Raise errors of the database as errors of the tree in app/errors.py."""
    if _declared_away.get():
        raise Unavailable(AWAY)
    try:
        yield
    except (SQLAlchemyError, psycopg.Error) as error:
        instead = room_lacking(error) or unavailable(error)
        if instead is None:
            raise
        raise instead from error
