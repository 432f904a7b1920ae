"""Database poller: takes runs whose batch was lost, and unparks runs whose destination has room."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import psycopg

from app.domain.timings.claiming import LOOK_AHEAD
from app.domain.timings.leases import CANCELLATION_POLL, WORKER_COUNT_S
from app.domain.timings.notifying import (
    FETCH_POLL_S,
    FETCH_POLL_WITHOUT_REDIS_S,
    MAX_FETCHED,
    UNTAKEN_LATE_S,
)
from app.log import describe_error, logger
from app.store import heartbeats, takes
from app.store.connection import ReconnectingConnection
from app.store.database_errors import Kind, kind_of
from app.store.halving import by_halves
from app.store.parking import unpark
from app.store.quarantine import suspects
from app.store.takes import Ticket
from app.uptime import read_uptime
from workers.dispatch.account_cache import AccountCache
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.taking import take
from workers.dispatch.unparking import UnparkRequest
from workers.loop_thread import LoopThread
from workers.queue_lookback import Lookback


class DatabasePoller(LoopThread):
    """A thread of its own: its statements take longer the more runs wait to be called.

    `redis_is_connected` tells whether Redis answers at present. While it does not, the poller polls
    as often as the scheduler claims, so that calls are on time all the same. Without `poll`,
    it takes no runs at all, parked ones included: suspects are tried without other runs.
    """

    def __init__(
        self,
        database: ReconnectingConnection,
        dispatcher: Dispatcher,
        requests: deque[UnparkRequest],
        account_cache: AccountCache,
        *,
        redis_is_connected: Callable[[], bool],
        on_suspects: Callable[[psycopg.Connection], None],
        poll: bool = True,
        clock: Callable[[], float] = read_uptime,
    ) -> None:
        super().__init__("database_poller", interval=CANCELLATION_POLL.total_seconds())
        self._database = database
        self._dispatcher = dispatcher
        self._flow_control = dispatcher.flow_control
        self._requests = requests
        self._account_cache = account_cache
        self._redis_is_connected = redis_is_connected
        self._on_suspects = on_suspects
        self._clock = clock
        self._lookback = Lookback(clock)
        self._polled_at = clock()
        self._shared_at = float("-inf")
        self._poll = poll

    def run_once(self) -> None:
        """Unpark and poll, each only if there is something to do."""
        to_unpark = self._poll and bool(self._requests)
        if not (to_unpark or self._poll_is_due()):
            return
        with self._database.use() as connection:
            if to_unpark:
                self._unpark(connection)
            if self._poll_is_due():
                self._poll_untaken(connection)

    def stop_polling(self) -> None:
        """Take no more runs; from any thread."""
        self._poll = False

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _unpark(self, connection: psycopg.Connection) -> None:
        """Unpark runs for the destinations that have room for them now, and take them."""
        wanted: list[UnparkRequest] = []
        # No more at once than one poll takes.
        while self._requests and sum(each.number for each in wanted) < MAX_FETCHED:
            wanted.append(self._requests.popleft())
        try:
            found, left = self._fetch(connection, wanted)
        except Exception as error:
            if kind_of(error) is Kind.REFUSED:
                # It would be refused again, and delay all requests behind it.
                for each in wanted:
                    self._flow_control.unparker.on_unparked(each, 0)
            else:
                self._requests.extendleft(reversed(wanted))
            raise
        self._requests.extendleft(reversed(left))
        for request, number in found:
            self._flow_control.unparker.on_unparked(request, number)

    def _fetch(
        self, connection: psycopg.Connection, wanted: Sequence[UnparkRequest]
    ) -> tuple[list[tuple[UnparkRequest, int]], list[UnparkRequest]]:
        """Unpark and take; return how many runs each request got, and those to be made again."""
        parts = by_halves(wanted, partial(_unpark_for, connection))
        unparked = [each for part in parts.done for each in part]
        for request, refusal in parts.refused:
            account, error = request.destination.account_id, describe_error(refusal)
            logger.error("runs.cannot_be_unparked", account_id=account, error=error)
        tickets = [ticket for _, of_it in unparked for ticket in of_it]
        if tickets:
            take(connection, tickets, self._dispatcher, self._account_cache, self._clock)
        numbers = [(request, len(of_it)) for request, of_it in unparked]
        return [*numbers, *((request, 0) for request, _ in parts.refused)], parts.left

    def _share_connections(self, connection: psycopg.Connection) -> None:
        """Count the workers that share each account's connections, and read how many these are."""
        self._account_cache.secrets_for(connection, self._flow_control.destinations.accounts)
        self._flow_control.set_workers(heartbeats.workers(connection))
        self._shared_at = self._clock()

    def _poll_is_due(self) -> bool:
        pause = FETCH_POLL_S if self._redis_is_connected() else FETCH_POLL_WITHOUT_REDIS_S
        return self._poll and self._clock() - self._polled_at >= pause

    def _poll_untaken(self, connection: psycopg.Connection) -> None:
        self._polled_at = self._clock()
        if self._polled_at - self._shared_at >= WORKER_COUNT_S:
            self._share_connections(connection)
        if self._dispatcher.saturated:
            return
        late = UNTAKEN_LATE_S if self._redis_is_connected() else -LOOK_AHEAD.total_seconds()
        lookback = self._lookback.seconds()
        sent_at = self._clock()
        tickets = takes.untaken(connection, late=late, limit=MAX_FETCHED, lookback=lookback)
        if len(tickets) < MAX_FETCHED:
            self._lookback.exhausted(sent_at)
        if tickets:
            take(connection, tickets, self._dispatcher, self._account_cache, self._clock)
        if suspects(connection, limit=1):
            self._on_suspects(connection)


def _unpark_for(
    connection: psycopg.Connection, requests: Sequence[UnparkRequest]
) -> list[tuple[UnparkRequest, list[Ticket]]]:
    """Unpark runs for these requests; return the tickets for each."""
    wanted = [(each.destination.key_in_store, each.number) for each in requests]
    called = unpark(connection, wanted)
    return [(each, called.get(each.destination.key_in_store, [])) for each in requests]
