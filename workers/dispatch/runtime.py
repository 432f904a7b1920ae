"""WorkerRuntime: the dispatcher of one worker with its loop, engine and threads."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence

import psycopg

from app.config import Settings, check_ca_file
from app.delivery.engine import Engine
from app.delivery.guard import Guard
from app.delivery.loop import Loop
from app.delivery.resolver import Resolver
from app.domain.timings.settling import SETTLE_INTERVAL_S, SETTLE_LOCK_TIMEOUT_S
from app.service.secrets import SecretBox, completion_tokens
from app.store.connection import ReconnectingConnection
from app.store.overdue import Slots
from app.store.takes import Ticket
from app.uptime import read_uptime
from workers.dispatch.account_cache import AccountCache
from workers.dispatch.channels import Channels
from workers.dispatch.database_poller import DatabasePoller
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.known_destinations import ConnectionLimits
from workers.dispatch.lease_watch import LeaseWatch
from workers.dispatch.payload_loader import PayloadLoader
from workers.dispatch.settler import Settler
from workers.dispatch.taking import begin_overdue, take
from workers.firing_limits import KnownFirings


class WorkerRuntime:
    """Makes the parts of a worker and runs them; only the notifications come from elsewhere.

    Without `poll`, it takes no runs but those that `take` is called for. `settle_interval` is in
    seconds.
    """

    def __init__(
        self,
        settings: Settings,
        identity: str,
        *,
        redis_is_connected: Callable[[], bool],
        on_suspects: Callable[[psycopg.Connection], None] = lambda _connection: None,
        poll: bool = True,
        settle_interval: float = SETTLE_INTERVAL_S,
    ) -> None:
        self._clock = read_uptime
        self._loop = Loop(clock=self._clock)
        self._engine = _make_engine(self._loop, settings)
        self._account_cache = AccountCache(SecretBox(settings.secret_keys), clock=self._clock)
        self.channels = Channels()
        self.dispatcher = Dispatcher(
            self._loop,
            self._engine,
            self.channels,
            tokens=completion_tokens(settings.secret_keys),
            concurrency=settings.concurrency,
            connections=ConnectionLimits(
                settings.limits.connections, self._account_cache.connections
            ),
            payload_bytes=settings.payload_mib * 1024 * 1024,
        )
        self._firings = KnownFirings(settings.limits, clock=self._clock)
        url = settings.database_url
        self.lease_watch = LeaseWatch(
            ReconnectingConnection(url, "lease_watch"), self.dispatcher, clock=self._clock
        )
        self.database_poller = DatabasePoller(
            ReconnectingConnection(url, "database_poller"),
            self.dispatcher,
            self.channels.unpark_requests,
            self._account_cache,
            redis_is_connected=redis_is_connected,
            on_suspects=on_suspects,
            poll=poll,
            clock=self._clock,
        )
        self.loader = PayloadLoader(
            ReconnectingConnection(url, "loader"),
            self.dispatcher,
            self.channels.payload_orders,
            clock=self._clock,
        )
        self.settler = Settler(
            ReconnectingConnection(url, "settler", lock_timeout=SETTLE_LOCK_TIMEOUT_S),
            self.dispatcher,
            self.channels,
            identity,
            limits=settings.limits,
            interval=settle_interval,
            clock=self._clock,
        )
        self._grace = settings.grace
        self._stop_by = math.inf
        self._taking = threading.Lock()
        self._ended = False

    def take(self, database: ReconnectingConnection, tickets: Sequence[Ticket]) -> int:
        """Take runs through the caller's own connection; returns how many were taken."""
        with self._taking:
            if self._ended:
                return 0
            with database.use() as connection:
                return take(connection, tickets, self.dispatcher, self._account_cache, self._clock)

    def begin_overdue(self, database: ReconnectingConnection, slots: Slots) -> int:
        """Claim and take overdue runs through the caller's own connection, as `take` does."""
        with self._taking:
            if self._ended:
                return 0
            with database.use() as connection:
                return begin_overdue(
                    *(connection, slots, self.dispatcher),
                    *(self._account_cache, self._firings, self._clock),
                )

    def run(self) -> None:
        """Run the loop in this thread until stopped."""
        for thread in (self.lease_watch, self.database_poller, self.loader, self.settler):
            thread.start()
        try:
            self._loop.run(until=self._is_done)
        finally:
            self._end()

    def stop(self) -> None:
        """Park runs whose calls have not begun; wait `settings.grace` seconds for the others."""
        self._stop_within(self._grace)

    def hurry(self) -> None:
        """Break off the calls in flight as well, and park their runs."""
        self._stop_within(0.0)

    def _stop_within(self, seconds: float) -> None:
        self.database_poller.stop_polling()
        self._stop_by = min(self._stop_by, self._clock() + seconds)
        self._loop.call_soon_threadsafe(self.dispatcher.stop)
        self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        """Check again and again whether all is done."""
        self._loop.call_at(self._clock() + 0.05, self._wake)

    def _is_done(self) -> bool:
        if self._stop_by == math.inf:
            return False
        return self._clock() >= self._stop_by or not self.dispatcher.leased_runs

    def _end(self) -> None:
        """Park what is still held, so that other workers take it before its leases end."""
        self.database_poller.stop()
        self.database_poller.join(timeout=5)
        is_free = self._taking.acquire(timeout=5)
        self._ended = True
        if is_free:
            self._taking.release()
        self.dispatcher.stop()
        self._engine.close()
        self.dispatcher.close()
        threads = (self.lease_watch, self.loader, self.settler)
        for thread in threads:
            thread.stop()
        for thread in threads:
            thread.join(timeout=5)
        self.settler.flush()
        self._loop.close()


def _make_engine(loop: Loop, settings: Settings) -> Engine:
    check_ca_file(settings.ca_file)
    guard = Guard(
        loop,
        Resolver(loop),
        allow=settings.allow_targets,
        deny=settings.deny_targets,
        inboxes=settings.inbox_address,
    )
    return Engine(loop, guard, ca_file=settings.ca_file)
