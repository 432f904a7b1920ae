"""A scheduler and its repairs, beside a database whose clock a test sets."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import psycopg

from app.store.connection import ReconnectingConnection
from app.store.overdue import Slots
from app.store.takes import Ticket
from app.uptime import read_uptime
from tests import stepped_clock
from tests.factories import add_account, book, one
from workers.clock_repairs import ClockRepairs
from workers.clock_watch import ClockWatch
from workers.scheduler import Scheduler

QUARTERLY = "0 0/15 * * * ?"
HOUR, YEAR = 3600.0, 365 * 86400.0


class Clock:
    """Uptime, which a test puts forward."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return read_uptime() + self.passed


class Notifier:
    """Keeps the runs that it was to notify of."""

    def __init__(self) -> None:
        self.notified: list[UUID] = []

    def notify(self, _name: str, tickets: Sequence[Ticket]) -> None:
        self.notified += [run_id for run_id, _ in tickets]

    def offer(self, _slots: Slots) -> bool:
        return False


class ClockHarness:
    """A scheduler, its repairs, and a database whose clock is the test's."""

    def __init__(self, database: str, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.database = database
        self.account = add_account(connection)
        self.notifier = Notifier()
        self.clock = Clock()
        # The machine's own clock is of no help.
        self.clock_watch = ClockWatch(doubt_s=300, clock=self.clock, wall=lambda: 0.0)
        self.reconnecting = ReconnectingConnection(database, "scheduler")
        self.scheduler = Scheduler(
            self.reconnecting, self.notifier, "test", clock=self.clock, clock_watch=self.clock_watch
        )
        self.repairs = ClockRepairs(self.reconnecting, self.clock_watch, clock=self.clock)
        self.scheduler.tick()

    def set(self, ahead: float) -> None:
        stepped_clock.set_clock(self.connection, ahead=ahead)

    def cron(self, due_in: float) -> UUID:
        return book(self.connection, self.account, due_in=due_in, cron=QUARTERLY)

    def next_of(self, job_id: UUID) -> object:
        return one(self.connection, "SELECT next_at FROM due WHERE job_id = %s", job_id)

    def wait(self, seconds: float) -> None:
        """Let time pass for all clocks."""
        self.clock.passed += seconds
        self.set(self.ahead + seconds)

    @property
    def ahead(self) -> float:
        seconds = one(self.connection, "SELECT extract(epoch FROM ahead) FROM stepped.clock")
        return float(seconds)
