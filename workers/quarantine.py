"""Alone: suspects, in a process in which nothing but other suspects can be lost with them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Final

import psycopg

from app import thread_failures
from app.config import Settings
from app.domain.quarantine import MAX_GROUP, choose
from app.domain.timings.leases import (
    QUARANTINE_LINGER_S,
    QUARANTINE_LOCK_CHECK_S,
    SUSPECT_GROUP_OPEN_S,
    SUSPECT_POLL_S,
    SUSPECT_SETTLE_INTERVAL_S,
)
from app.errors import Misconfigured
from app.log import in_words, logger
from app.store import quarantine
from app.store.connection import ReconnectingConnection
from app.store.takes import Ticket
from app.uptime import read_uptime
from workers.dispatch.runtime import WorkerRuntime
from workers.loop_thread import LoopThread
from workers.process import begin, end, fail, identity, prepare_for
from workers.quarantine_process import HURRY

_STDIN: Final = 0


class QuarantineLock:
    """What one process of all has that tries suspects, for as long as its session lives."""

    def __init__(self, settings: Settings) -> None:
        self._database = ReconnectingConnection(settings.database_url, "quarantine")
        self._kept_at = read_uptime()

    def take(self) -> bool:
        """Whether it can be had: nobody else has it, and the database answers."""
        return self._asks(quarantine.lock)

    def keep(self) -> bool:
        """Whether it is held still; where it is not, there is no more to ask for."""
        now = read_uptime()
        if now - self._kept_at < QUARANTINE_LOCK_CHECK_S:
            return True
        self._kept_at = now
        return self._asks(quarantine.keep_lock)

    def _asks(self, question: Callable[[psycopg.Connection], bool]) -> bool:
        try:
            with self._database.use() as connection:
                return question(connection)
        except psycopg.Error as error:
            logger.warning("quarantine.lost", error=in_words(error))
            return False

    def close(self) -> None:
        """Give it up."""
        self._database.close()


class QuarantineFeeder(LoopThread):
    """Takes a group of suspects once the one before is settled; ends when there are no more."""

    def __init__(
        self, runtime: WorkerRuntime, database: ReconnectingConnection, lock: QuarantineLock
    ) -> None:
        super().__init__("feeder", interval=SUSPECT_POLL_S)
        self._runtime = runtime
        self._database = database
        self._lock = lock
        self._size = 0
        self._opened_at = float("-inf")
        self._fed_at = read_uptime()

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def run_once(self) -> None:
        """Feed the station a group where it holds none, or those that come late to its group."""
        if not self._lock.keep():
            self._finish()
            return
        now = read_uptime()
        leased = [each.ticket for each in list(self._runtime.dispatcher.leased_runs)]
        if leased:
            self._fed_at = now
            if now - self._opened_at > SUSPECT_GROUP_OPEN_S or len(leased) >= self._size:
                return
        else:
            self._opened_at = now
        if not self._feed(leased) and now - self._fed_at > QUARANTINE_LINGER_S:
            self._finish()

    def _feed(self, leased: list[Ticket]) -> bool:
        """Take what may be tried now, if there is any."""
        with self._database.use() as connection:
            found = quarantine.suspects(connection, limit=MAX_GROUP)
            size = self._size if leased else None
            self._size, chosen = choose(found, size=size, under_way=len(leased))
            if not chosen:
                return False
            number = len(leased) + len(chosen)
            free = quarantine.set_group_size(connection, [*leased, *chosen], number)
        taken = [ticket for ticket in chosen if ticket[0] in free]
        if not self._runtime.take(self._database, taken):
            return False
        if number == 1:
            logger.warning("run.tried_alone", run_id=str(taken[0][0]))
        else:
            logger.warning("runs.tried_together", runs=number)
        return True

    def _finish(self) -> None:
        self._runtime.stop()
        self.stop()


def run(settings: Settings, lock: QuarantineLock) -> None:
    """Try every suspect there is, one group after the other."""
    runtime = WorkerRuntime(
        settings,
        f"{identity()}.alone",
        redis_is_connected=lambda: True,
        poll=False,
        settle_interval=SUSPECT_SETTLE_INTERVAL_S,
    )
    thread_failures.end_process(runtime.stop, hurry=runtime.hurry)
    threading.Thread(target=_follow, args=(runtime,), name="follow", daemon=True).start()
    feeder = QuarantineFeeder(
        runtime, ReconnectingConnection(settings.database_url, "feeder"), lock
    )
    feeder.start()
    runtime.run()
    feeder.stop()
    feeder.join(timeout=5)


def _follow(runtime: WorkerRuntime) -> None:
    """Do as the worker says that started this process, which holds the other end of the pipe."""
    while said := os.read(_STDIN, 64):
        runtime.hurry() if HURRY in said else runtime.stop()
    runtime.stop()


def main() -> None:
    """Run until no suspect is left, unless another process tries them."""
    # A signal to all processes of a service is for the worker, which then tells this one.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    settings = begin("worker")
    prepare_for(settings.concurrency)
    lock = QuarantineLock(settings)
    try:
        if lock.take():
            run(settings, lock)
    except Misconfigured as error:
        fail(error)
    lock.close()
    end()


if __name__ == "__main__":
    main()
