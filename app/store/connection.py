"""Connection: one thread's connection to PostgreSQL, which is opened again after it broke."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import psycopg

from app.log import describe_error, logger
from app.store.database_errors import is_away
from app.store.sessions import Session, SessionOptions, open_session

# Every statement of the hot path has to walk an index row by row, so the planner is given no other
# choice. Plans are cached: parsing and planning cost more than some statements of a batch. A
# plan that was made while a table was empty is still right when the table is full, because it does
# not depend on statistics (tests/store/test_queries.py).
_PLANS: Final[Mapping[str, str]] = {
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "enable_seqscan": "off",
    "enable_sort": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
# A process that is stopped inside a transaction does not hold row locks for long.
_SETTINGS: Final[Mapping[str, str | int]] = {
    **_PLANS,
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": 10_000,
}


class ReconnectingConnection:
    """A connection that is opened when it is needed and dropped when it fails; used by one thread.

    `lock_timeout` is the number of seconds that a statement waits for a lock, and
    `statement_timeout` that it may take.
    """

    def __init__(
        self, url: str, name: str, *, lock_timeout: float = 3.0, statement_timeout: float = 15.0
    ) -> None:
        self._url = url
        self._name = name
        self._options = SessionOptions(
            settings={
                **_SETTINGS,
                "lock_timeout": round(lock_timeout * 1000),
                "statement_timeout": round(statement_timeout * 1000),
            }
        )
        self._session: Session | None = None
        self._is_logged = False

    @contextmanager
    def use(self) -> Iterator[psycopg.Connection]:
        """Yield the connection in autocommit mode; raises psycopg.OperationalError without one.

        After an error that shows that the database is away, the next use connects again. After an
        error of one statement, the same connection is used.
        """
        try:
            connection = self._open()
            yield connection
        except psycopg.Error as error:
            if not is_away(error):
                raise
            self.close()
            if not self._is_logged:
                logger.warning("database.away", connection=self._name, error=describe_error(error))
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
