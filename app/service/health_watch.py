"""Health watch: reads readiness and metrics in the background, so that requests need no query."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.log import describe_error, logger
from app.service import health
from app.service.backlog_watch import BacklogWatch
from app.service.health import Readiness
from app.store.counters import add_counters
from app.store.engine import watch_engine

REFRESH_S: Final = 1.0
UNTIL_READY_S: Final = 0.2
MAX_REFRESH_S: Final = 3.0
MAX_AGE_S: Final = 6.0
"""Older results are not served: the database does not answer, or answers very slowly."""
FIRST_LOOK_S: Final = 3.0
"""How long a process waits at its start for the first result."""
LAST_LOOK_S: Final = 2.0
"""How long a process waits at its end until what it has counted is written."""
# The largest part of the time that reading may take, however much there is to count.
_MAX_PART: Final = 0.02

Counts = Mapping[tuple[str, str], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """The results of one reading, at the time `at` of the monotonic clock."""

    at: float
    readiness: Readiness
    metrics: bytes | None


class HealthWatch:
    """Serves the latest readiness and metrics, read by a thread with its own connection.

    `counts` returns what this process has counted since the last call, to be added to the stored
    counters. Counts that cannot be written are kept and written later. `write` stores whatever else
    this process has noted, over the same connection.
    """

    def __init__(
        self,
        settings: Settings,
        counts: Callable[[], Counts] = dict,
        *,
        write: Callable[[psycopg.Connection], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._engine = watch_engine(settings)
        self._counts = counts
        self._write = write
        self._backlog = BacklogWatch()
        self._unwritten: dict[tuple[str, str], float] = {}
        self._seen: _Seen | None = None
        self._looked = threading.Event()
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        """Start the thread, which runs until `stop`; return after its first reading.

        So an early probe is not answered that the database is away before the first reading. A
        database that hangs delays the start by at most FIRST_LOOK_S.
        """
        self._thread.start()
        self._looked.wait(FIRST_LOOK_S)

    def stop(self) -> None:
        """Read and write once more, and end the thread; wait for that at most LAST_LOOK_S."""
        self._is_ending.set()
        self._thread.join(LAST_LOOK_S)

    def readiness(self) -> Readiness:
        """Return the latest readiness; nothing is ready if the latest reading is too old."""
        seen = self._fresh()
        return health.NOTHING if seen is None else seen.readiness

    def metrics(self) -> bytes | None:
        """Return the metrics in the Prometheus text format; None while the database is away."""
        seen = self._fresh()
        return None if seen is None else seen.metrics

    def refresh(self) -> float:
        """Read once; return the seconds to wait until the next reading."""
        begun = time.monotonic()
        readiness, metrics = None, None
        unseen: Exception | None = None
        try:
            with self._engine.connect() as connection:
                readiness = health.readiness_in(connection, self._settings.redis_url)
                if not readiness.database:
                    # A new session may reach another server, or may be allowed to write again.
                    connection.detach()
                metrics = health.metrics_in(connection, self._backlog.count)
                if readiness.database:
                    session = cast("psycopg.Connection", connection.connection.dbapi_connection)
                    self._write_counts(session)
                    self._write(session)
        except (SQLAlchemyError, psycopg.Error) as error:
            # A statement that fails does not invalidate the results of those before it.
            logger.debug("health.unseen", reason=describe_error(error)[:200])
            unseen = error
        if readiness is None:
            readiness = health.without_database(self._settings.redis_url, unseen)
        now = time.monotonic()
        self._seen = _Seen(at=now, readiness=readiness, metrics=metrics)
        pause = max(REFRESH_S if readiness.everything else UNTIL_READY_S, (now - begun) / _MAX_PART)
        return min(pause, MAX_REFRESH_S)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._is_ending.is_set()
            try:
                pause = self.refresh()
            except Exception:  # noqa: BLE001 - no exception may end the thread
                logger.exception("health.failed")
                pause = MAX_REFRESH_S
            self._looked.set()
            self._is_ending.wait(pause)

    def _fresh(self) -> _Seen | None:
        seen = self._seen
        return seen if seen is not None and time.monotonic() - seen.at < MAX_AGE_S else None

    def _write_counts(self, connection: psycopg.Connection) -> None:
        for name, number in self._counts().items():
            self._unwritten[name] = self._unwritten.get(name, 0) + number
        add_counters(connection, self._unwritten)
        self._unwritten.clear()
