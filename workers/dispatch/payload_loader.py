"""PayloadLoader: reads long payloads, which the take left in the database, before their calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue
from typing import Final
from uuid import UUID

import psycopg

from app.domain.job import Dialect
from app.log import describe_error, logger
from app.store import takes
from app.store.connection import ReconnectingConnection
from app.store.database_errors import Kind, kind_of
from app.uptime import read_uptime
from workers.dispatch.calls import convert_payload
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.leased_run import LeasedRun
from workers.loop_thread import LoopThread

_AT_ONCE: Final = 4 * 1024 * 1024
"""Bytes that one statement reads, or one payload more: they are in memory twice for a moment."""

_MAX_RUNS: Final = 200
"""Payloads that one statement reads at most."""

_LISTEN_S: Final = 0.5
"""Seconds after which a wait for orders ends, so that the thread can be stopped."""


class PayloadLoader(LoopThread):
    """A thread of its own: to read a long payload takes longer than leases may wait for renewal.

    It connects when there is something to load.
    """

    def __init__(
        self,
        database: ReconnectingConnection,
        dispatcher: Dispatcher,
        orders: SimpleQueue[LeasedRun],
        *,
        clock: Callable[[], float] = read_uptime,
    ) -> None:
        super().__init__("loader", interval=0)
        self._database = database
        self._dispatcher = dispatcher
        self._orders = orders
        self._clock = clock

    def run_once(self) -> None:
        """Wait a moment for orders, and load a batch of them."""
        batch = self._next_batch()
        if not batch:
            return
        try:
            with self._database.use() as connection:
                sent_at = self._clock()
                found, busy = _read(connection, batch)
        except Exception:
            self._order_again(batch)
            raise
        _convert(batch, found)
        self._dispatcher.on_payloads(
            [leased for leased in batch if leased not in busy], sent_at, found
        )
        self._order_again(busy)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _order_again(self, runs: Iterable[LeasedRun]) -> None:
        for leased in runs:
            self._orders.put(leased)

    def _next_batch(self) -> list[LeasedRun]:
        batch: list[LeasedRun] = []
        size = 0
        try:
            while size < _AT_ONCE and len(batch) < _MAX_RUNS:
                leased = self._orders.get_nowait() if batch else self._orders.get(timeout=_LISTEN_S)
                if leased.payload_reserved and leased.body is None:
                    batch.append(leased)
                    size += leased.run.size
        except Empty:
            pass
        return batch


def _convert(batch: Sequence[LeasedRun], found: dict[UUID, bytes | None]) -> None:
    """Convert payloads for their apps here, as a long one would block the loop's thread."""
    for leased in batch:
        data = found.get(leased.run.id)
        if data is not None and leased.run.dialect == Dialect.DAPR:
            found[leased.run.id], leased.payload_error = convert_payload(leased, data)


def _read(
    connection: psycopg.Connection, batch: Sequence[LeasedRun]
) -> tuple[dict[UUID, bytes | None], set[LeasedRun]]:
    """The payloads by run, None where one cannot be read at all; and the runs to read again later.

    Payloads that cannot be read together are read one by one.
    """
    try:
        return takes.payloads(connection, [leased.ticket for leased in batch]), set()
    except psycopg.Error as error:
        kind = kind_of(error)
        if kind is Kind.AWAY:
            raise
        if len(batch) == 1 and kind is Kind.BUSY:
            return {}, set(batch)
        if len(batch) == 1:
            run_id = batch[0].run.id
            logger.error("payload.unreadable", run_id=str(run_id), error=describe_error(error))
            return {run_id: None}, set()
    found: dict[UUID, bytes | None] = {}
    busy: set[LeasedRun] = set()
    for leased in batch:
        one, left = _read(connection, [leased])
        found.update(one)
        busy |= left
    return found, busy
