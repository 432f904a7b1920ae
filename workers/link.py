"""Link: one thread's connection to PostgreSQL, made anew after it broke."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg

from app.log import in_words, logger
from app.store.database_errors import Kind, is_away, kind_of
from app.store.sessions import Session, SessionOptions, open_session

# Every statement of the hot path is to walk an index, row by row, so nothing else is offered to the
# planner. A plan is kept, as parsing and planning cost a batch more than some of its statements do:
# one that was made while a table was empty serves it when it is full, as each row is looked up
# whatever the statistics say (tests/store/test_queries.py).
_PLANS: Final[Mapping[str, str]] = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "enable_seqscan": "off",
    "enable_sort": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
# Nobody who stopped inside a transaction holds a row for long.
_SETTINGS: Final[Mapping[str, str | int]] = {
    **_PLANS,
    "timezone": "UTC",
    "statement_timeout": 15_000,
    "idle_in_transaction_session_timeout": 10_000,
}


class Link:
    """A connection that is opened when needed and dropped when it fails; used by one thread.

    `lock_timeout` is how many seconds a statement waits for a lock.
    """

    def __init__(self, url: str, name: str, *, lock_timeout: float = 3.0) -> None:
        self._url = url
        self._name = name
        self._options = SessionOptions(
            settings={**_SETTINGS, "lock_timeout": round(lock_timeout * 1000)}
        )
        self._session: Session | None = None
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
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _open(self) -> Session:
        if self._session is None or not self._session.is_usable:
            self.drop()
            self._session = open_session(
                self._url, self._options, autocommit=True, name=f"wakecall {self._name}"
            )
        return self._session


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
