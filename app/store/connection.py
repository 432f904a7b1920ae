"""Connection: one thread's connection to PostgreSQL, which connects again after it broke."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg

from app.log import in_words, logger
from app.store.database_errors import is_away
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


class ReconnectingConnection:
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
        self._is_logged = False

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
            self.close()
            if not self._is_logged:
                logger.warning("database.away", connection=self._name, error=in_words(error))
            self._is_logged = True
            raise
        if self._is_logged:
            logger.warning("database.back", connection=self._name)
            self._is_logged = False

    def close(self) -> None:
        """Close the connection, broken or not."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _open(self) -> Session:
        if self._session is None or not self._session.is_usable:
            self.close()
            self._session = open_session(
                self._url, self._options, autocommit=True, name=f"wakecall {self._name}"
            )
        return self._session
