"""Health watch: reads the figures in the background, so that asking for them costs nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.log import in_words, logger
from app.service import health
from app.service.backlog_watch import BacklogWatch
from app.service.health import Readiness
from app.store.counters import add_counters
from app.store.engine import watch_engine

REFRESH_S: Final = 1.0
UNTIL_READY_S: Final = 0.2
MAX_REFRESH_S: Final = 3.0
MAX_AGE_S: Final = 6.0
"""Figures that are older are not told: the database does not answer, or only very slowly."""
FIRST_LOOK_S: Final = 3.0
"""How long a process waits at its start until it can tell what the database holds."""
# However much there is to count, the database spends no more than this part of its time on it.
_MAX_PART: Final = 0.02

Counts = Mapping[tuple[str, str], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """What was seen at `at` on the monotonic clock."""

    at: float
    readiness: Readiness
    metrics: bytes | None


class HealthWatch:
    """Readiness and metrics as of a moment ago, from a thread with a connection of its own.

    `counts` takes what this process has counted since it was last asked, to be added to the
    counters; what cannot be written is counted again later.
    """

    def __init__(self, settings: Settings, counts: Callable[[], Counts] = dict) -> None:
        self._settings = settings
        self._engine = watch_engine(settings)
        self._counts = counts
        self._backlog = BacklogWatch()
        self._unwritten: dict[tuple[str, str], float] = {}
        self._seen: _Seen | None = None
        self._looked = threading.Event()

    def start(self) -> None:
        """Begin to look, for as long as the process lives; returns when there was a first look.

        A probe that comes at once must not be told that the database is away because nobody has
        looked yet. A database that hangs holds up the start for FIRST_LOOK_S at most.
        """
        threading.Thread(target=self._run, name="health", daemon=True).start()
        self._looked.wait(FIRST_LOOK_S)

    def readiness(self) -> Readiness:
        """What can do its work; nothing where nobody can tell any more."""
        seen = self._fresh()
        return health.NOTHING if seen is None else seen.readiness

    def metrics(self) -> bytes | None:
        """Every figure in Prometheus text form; None while the database does not answer."""
        seen = self._fresh()
        return None if seen is None else seen.metrics

    def refresh(self) -> float:
        """Look once; how long to wait until the next time, in seconds."""
        begun = time.monotonic()
        readiness, metrics = None, None
        unseen: Exception | None = None
        try:
            with self._engine.connect() as connection:
                readiness = health.readiness_in(connection, self._settings.redis_url)
                if not readiness.database:
                    # The next session may be one of another server, or may write again.
                    connection.detach()
                metrics = health.metrics_in(connection, self._backlog.count)
                if readiness.database:
                    self._write_counts(
                        cast("psycopg.Connection", connection.connection.dbapi_connection)
                    )
        except (SQLAlchemyError, psycopg.Error) as error:
            # A later statement that takes too long says nothing against what was seen before it.
            logger.debug("health.unseen", reason=in_words(error)[:200])
            unseen = error
        if readiness is None:
            readiness = health.without_database(self._settings.redis_url, unseen)
        now = time.monotonic()
        self._seen = _Seen(at=now, readiness=readiness, metrics=metrics)
        pause = max(REFRESH_S if readiness.everything else UNTIL_READY_S, (now - begun) / _MAX_PART)
        return min(pause, MAX_REFRESH_S)

    def _run(self) -> None:
        while True:
            try:
                pause = self.refresh()
            except Exception:  # noqa: BLE001 - the thread must outlive whatever it is
                logger.exception("health.failed")
                pause = MAX_REFRESH_S
            self._looked.set()
            time.sleep(pause)

    def _fresh(self) -> _Seen | None:
        seen = self._seen
        return seen if seen is not None and time.monotonic() - seen.at < MAX_AGE_S else None

    def _write_counts(self, connection: psycopg.Connection) -> None:
        for name, number in self._counts().items():
            self._unwritten[name] = self._unwritten.get(name, 0) + number
        add_counters(connection, self._unwritten)
        self._unwritten.clear()
