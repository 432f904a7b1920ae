"""Link: one thread's connection to PostgreSQL, made anew after it broke."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from app.log import logger

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
    "-c lock_timeout=3000 -c idle_in_transaction_session_timeout=10000"
)
CONNECT_WAIT_S: Final = 3


class Link:
    """A connection that is opened when needed and dropped when it fails; used by one thread."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._connection: psycopg.Connection | None = None
        self._told = False

    @contextmanager
    def use(self) -> Iterator[psycopg.Connection]:
        """The connection, autocommitting; raises psycopg.OperationalError when there is none.

        After such an error the next use connects again.
        """
        try:
            connection = self._open()
            yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.drop()
            if not self._told:
                logger.warning("database.away", link=self._name, error=str(error).strip())
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
                options=_SESSION,
                application_name=f"wakecall {self._name}",
            )
        return self._connection


class Repeating(threading.Thread):
    """A thread that does one thing over and over, and outlives what that thing raises."""

    def __init__(self, name: str, pause: float) -> None:
        super().__init__(name=name, daemon=True)
        self.pause = pause
        self._ended = threading.Event()

    def once(self) -> None:
        """Do the thing; a PostgreSQL failure is already logged by the link."""
        raise NotImplementedError

    def run(self) -> None:
        """Do it, pause, do it again, until told to stop."""
        while not self._ended.is_set():
            try:
                self.once()
            except (psycopg.OperationalError, psycopg.InterfaceError):
                self._ended.wait(0.2)
            except Exception:  # noqa: BLE001 - one bad turn never stops a loop
                logger.exception("thread.failed", thread=self.name)
                self._ended.wait(0.2)
            self._ended.wait(self.pause)
        self.close()

    def close(self) -> None:
        """Give up what the thread used, at its end."""

    def stop(self) -> None:
        """Finish what is being done, then end."""
        self._ended.set()
