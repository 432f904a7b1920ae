"""A scheduler whose clock and notifier are the test's, and what it is given to claim and to end."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from app.store.connection import ReconnectingConnection
from app.store.overdue import Slots
from app.store.takes import Ticket
from workers.notifier import ON_TIME, OVERDUE, SUSPECT
from workers.scheduler import Scheduler


class Notifier:
    """Keeps the tickets of which it was to notify workers."""

    def __init__(self) -> None:
        self.notified: dict[str, list[Ticket]] = {ON_TIME: [], OVERDUE: [], SUSPECT: []}
        self.sizes: list[int] = []
        self.offers: list[Slots] = []
        self.takes_offers = False

    def notify(self, name: str, tickets: Sequence[Ticket]) -> None:
        self.notified[name] += tickets
        self.sizes.append(len(tickets))

    def offer(self, slots: Slots) -> bool:
        self.offers.append(slots)
        return self.takes_offers

    @property
    def all(self) -> list[Ticket]:
        return [ticket for tickets in self.notified.values() for ticket in tickets]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Leaping:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self) -> float:
        self._clock.now += 7.0
        return self._clock.now


class SchedulerHarness:
    """A scheduler whose clock and notifier are the test's."""

    def __init__(self, database: str) -> None:
        self.notifier = Notifier()
        self.clock = Clock()
        self.reconnecting = ReconnectingConnection(database, "scheduler")
        self.scheduler = Scheduler(self.reconnecting, self.notifier, "test", clock=self.clock)


def book_overdue(connection: psycopg.Connection, account: int, count: int) -> None:
    """So many one-time jobs of an account, all due a minute ago."""
    connection.execute(
        "INSERT INTO job (id, account_id, version, url, trigger, enabled) "
        "SELECT gen_random_uuid(), %s, 1, 'http://a/', "
        """'{"kind": "at", "at": "2026-01-01T00:00:00Z"}', true """
        "FROM generate_series(1, %s)",
        (account, count),
    )
    connection.execute(
        "INSERT INTO due (job_id, account_id, version, recurring, next_at) "
        "SELECT id, account_id, 1, false, clock_timestamp() - interval '1 minute' FROM job"
    )


def cancel(connection: psycopg.Connection, where: str = "", reason: str = "deleted") -> None:
    connection.execute(
        f"UPDATE inflight SET cancelled_at = clock_timestamp(), look_at = clock_timestamp(),"
        f" reason = %s {where}",
        (reason,),
    )
