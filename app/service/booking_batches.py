"""Booking batches: stores jobs that many callers book at about the same time in one statement."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

import psycopg

from app.log import describe_error, logger
from app.service.context import Context
from app.store.booking_batches import WantedJob, insert_batch
from app.store.connection import ReconnectingConnection
from app.store.database_errors import is_away

LOCK_S: Final = 0.1
"""How long a batch waits for a lock, such as that of a name that another transaction has just
booked. Its jobs are then booked one by one, and only the one that needs the lock waits longer."""

STATEMENT_S: Final = 2.0
LOG_S: Final = 60.0
"""The least time between two log lines about batches that failed."""


class Outcome(Enum):
    """What became of a job of a batch."""

    STORED = auto()
    """It is on disk."""
    LEFT_OUT = auto()
    """It was not stored. When it is booked by itself, it is stored, or the reason is found."""
    UNKNOWN = auto()
    """The connection was lost before the response came."""
    REFUSED = auto()
    """The statement failed, so that no job of the batch was stored."""
    AWAY = auto()
    """The database cannot be reached. Nothing was sent."""


class BatchWriter:
    """Writes batches on a connection of its own; used by one thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._log_at = 0.0
        self._connection = ReconnectingConnection(
            context.settings.database_url,
            "bookings",
            lock_timeout=LOCK_S,
            statement_timeout=STATEMENT_S,
        )

    def write(self, wanted: Sequence[WantedJob]) -> list[Outcome]:
        """Store these jobs, and return what became of each, in the same order."""
        is_sent = False
        try:
            with self._connection.use() as connection:
                is_sent = True
                stored = insert_batch(connection, wanted)
        except psycopg.Error as error:
            if is_away(error):
                return [Outcome.UNKNOWN if is_sent else Outcome.AWAY] * len(wanted)
            self._log(error, len(wanted))
            return [Outcome.REFUSED] * len(wanted)
        if stored.clock is not None:
            self._context.clock_estimate.note(stored.clock)
        return [Outcome.STORED if each.id in stored.ids else Outcome.LEFT_OUT for each in wanted]

    def _log(self, error: psycopg.Error, number: int) -> None:
        """Log a batch that failed; a tenant at its limit makes many of them."""
        now = time.monotonic()
        if now >= self._log_at:
            self._log_at = now + LOG_S
            logger.info("bookings.apart", number=number, error=describe_error(error))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
