"""Quarantine: a process that tries suspects, in which only other suspects can be lost with them."""

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
from app.log import describe_error, logger
from app.store import quarantine
from app.store.connection import ReconnectingConnection
from app.store.takes import Ticket
from app.uptime import read_uptime
from workers.dispatch.runtime import WorkerRuntime
from workers.loop_thread import LoopThread
from workers.process import (
    configure,
    exit_in_order,
    exit_misconfigured,
    identity,
    prepare_for_calls,
)
from workers.quarantine_process import HURRY

_STDIN: Final = 0


class QuarantineLock:
    """The lock of the one process that tries suspects; held for as long as its session lives."""

    def __init__(self, settings: Settings) -> None:
        self._database = ReconnectingConnection(settings.database_url, "quarantine")
        self._kept_at = read_uptime()

    def take(self) -> bool:
        """Take the lock; False where another process has it, or the database does not answer."""
        return self._query(quarantine.lock)

    def keep(self) -> bool:
        """Whether the lock is still held, checked every QUARANTINE_LOCK_CHECK_S."""
        now = read_uptime()
        if now - self._kept_at < QUARANTINE_LOCK_CHECK_S:
            return True
        self._kept_at = now
        return self._query(quarantine.keep_lock)

    def _query(self, query: Callable[[psycopg.Connection], bool]) -> bool:
        try:
            with self._database.use() as connection:
                return query(connection)
        except psycopg.Error as error:
            logger.warning("quarantine.lost", error=describe_error(error))
            return False

    def close(self) -> None:
        """Release the lock."""
        self._database.close()


class QuarantineFeeder(LoopThread):
    """Takes a group of suspects once the group before is settled; ends when there are no more."""

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
        """Take the suspects that may be tried now; False where there is none."""
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
    """Try all suspects, one group after the other."""
    runtime = WorkerRuntime(
        settings,
        f"{identity()}.alone",
        redis_is_connected=lambda: True,
        poll=False,
        settle_interval=SUSPECT_SETTLE_INTERVAL_S,
    )
    thread_failures.end_process(runtime.stop, hurry=runtime.hurry)
    threading.Thread(target=_follow_worker, args=(runtime,), name="follow", daemon=True).start()
    feeder = QuarantineFeeder(
        runtime, ReconnectingConnection(settings.database_url, "feeder"), lock
    )
    feeder.start()
    runtime.run()
    feeder.stop()
    feeder.join(timeout=5)


def _follow_worker(runtime: WorkerRuntime) -> None:
    """Stop or hurry as the worker asks that started this process; stop when the pipe ends."""
    while request := os.read(_STDIN, 64):
        runtime.hurry() if HURRY in request else runtime.stop()
    runtime.stop()


def main() -> None:
    """Run until no suspect is left; end at once where another process tries them."""
    # A signal to all processes of a service is for the worker, which then stops this one.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    settings = configure("worker")
    prepare_for_calls(settings.concurrency)
    lock = QuarantineLock(settings)
    try:
        if lock.take():
            run(settings, lock)
    except Misconfigured as error:
        exit_misconfigured(error)
    lock.close()
    exit_in_order()


if __name__ == "__main__":
    main()
