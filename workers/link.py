"""Link: one thread's connection to PostgreSQL, made anew after it broke."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from app.log import in_words, logger
from app.store.database_errors import Kind, is_away, kind_of

# Every statement of the hot path is to walk an index, row by row, so nothing else is offered to the
# planner. A plan is kept, as parsing and planning cost a batch more than some of its statements do:
# one that was made while a table was empty serves it when it is full, as each row is looked up
# whatever the statistics say (tests/store/test_queries.py).
_PLANS: Final = (
    "-c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off -c enable_sort=off "
    "-c enable_bitmapscan=off -c enable_hashjoin=off -c enable_mergejoin=off "
)
# Nobody who stopped inside a transaction holds a row for long.
_SESSION: Final = (
    f"{_PLANS} -c timezone=UTC -c statement_timeout=15000 "
    "-c idle_in_transaction_session_timeout=10000"
)
CONNECT_WAIT_S: Final = 3


class Link:
    """A connection that is opened when needed and dropped when it fails; used by one thread.

    `lock_timeout` is how many seconds a statement waits for a lock.
    """

    def __init__(self, url: str, name: str, *, lock_timeout: float = 3.0) -> None:
        self._url = url
        self._name = name
        self._options = f"{_SESSION} -c lock_timeout={round(lock_timeout * 1000)}"
        self._connection: psycopg.Connection | None = None
        self._told = False

    @contextmanager
    def use(self) -> Iterator[psycopg.Connection]:
        """The connection, autocommitting; raises psycopg.OperationalError when there is none.

        After such an error the next use connects again. After one of a single statement, which
        tells nothing of the database, it goes on.
        """
        try:
            connection = self._open()
            yield connection
        except psycopg.Error as error:
            if not is_away(error):
                raise
            self.drop()
            if not self._told:
                logger.warning("database.away", link=self._name, error=in_words(error))
            self._told = True
            raise
        if self._told:
            logger.warning("database.back", link=self._name)
            self._told = False

    def drop(self) -> None:
        """Close the connection, broken or not."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_WAIT_S,
                options=self._options,
                application_name=f"wakecall {self._name}",
            )
        return self._connection


class Repeating(threading.Thread):
    """A thread that does one thing over and over, and outlives every Exception of that thing.

    Where it does end otherwise than by `stop`, its process ends (app/thread_failures.py).
    """

    def __init__(self, name: str, pause: float) -> None:
        super().__init__(name=name, daemon=True)
        self.pause = pause
        self._ended = threading.Event()

    def once(self) -> None:
        """Do the thing; that PostgreSQL is away was logged by the link already."""
        raise NotImplementedError

    def run(self) -> None:
        """Do it, pause, do it again, until told to stop."""
        while not self._ended.is_set():
            try:
                self.once()
            except Exception as error:  # noqa: BLE001 - one bad turn never stops a loop
                self._report(error)
                self._ended.wait(0.2)
            self._ended.wait(self.pause)
        self.close()

    def _report(self, error: Exception) -> None:
        match kind_of(error):
            case Kind.AWAY:
                pass  # the link has told
            case Kind.BUSY:
                logger.warning("database.busy", thread=self.name, error=in_words(error))
            case Kind.REFUSED:
                logger.error("thread.failed", thread=self.name, exc_info=error)

    def close(self) -> None:
        """Give up what the thread used, at its end."""

    def stop(self) -> None:
        """Finish what is being done, then end."""
        self._ended.set()
