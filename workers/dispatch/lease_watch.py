"""Lease watch: renews the leases of held runs, and polls for those that were cancelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import psycopg

from app.domain.timings.leases import (
    CANCELLATION_POLL,
    LEASE,
    LEASE_MARGIN,
    LEASE_RENEWAL,
    LEASE_SCAN_S,
    MAX_ACKNOWLEDGED,
    MAX_RENEWED,
)
from app.log import describe_error, logger
from app.store import takes
from app.store.connection import ReconnectingConnection
from app.store.halving import by_halves
from app.uptime import read_uptime
from workers.dispatch.cancellations import CancellationSnapshot
from workers.dispatch.dispatcher import Dispatcher
from workers.dispatch.leased_run import LeasedRun
from workers.loop_thread import LoopThread

_RENEW_BELOW_S: Final = (LEASE - LEASE_MARGIN - LEASE_RENEWAL).total_seconds()


class LeaseWatch(LoopThread):
    """A thread beside the dispatcher's loop: PostgreSQL may answer slowly, and calls may not wait.

    It does nothing else, as no call begins without a recent poll.
    """

    def __init__(
        self,
        database: ReconnectingConnection,
        dispatcher: Dispatcher,
        *,
        clock: Callable[[], float] = read_uptime,
    ) -> None:
        super().__init__("lease_watch", interval=CANCELLATION_POLL.total_seconds())
        self._database = database
        self._dispatcher = dispatcher
        self._clock = clock
        self._leases_seen_at = float("-inf")

    def run_once(self) -> None:
        """Renew leases and poll for cancellations, each only if there is something to do."""
        expiring = self._expiring()
        holds = bool(self._dispatcher.leased_runs)
        if not (holds or expiring):
            return
        with self._database.use() as connection:
            # Leases first: they may have run out while the database was away, and a run without
            # a lease is not called, but reclaimed.
            if expiring:
                self._renew_leases(connection, expiring)
            if holds:
                self._poll_cancellations(connection)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _poll_cancellations(self, connection: psycopg.Connection) -> None:
        sent_at = self._clock()
        withdrawn, suspended, clock = takes.poll_cancellations(connection)
        answered = self._clock()
        # Collected before the dispatcher gets the snapshot: what is acknowledged is held by then.
        leased = list(self._dispatcher.leased_runs) if withdrawn else []
        known = [each.ticket for each in leased if each.is_withdrawn_by(withdrawn)]
        took = answered - sent_at
        self._dispatcher.update_cancellations(
            CancellationSnapshot(sent_at, answered - clock, withdrawn, suspended, took)
        )
        if known:
            takes.acknowledge_withdrawn(connection, known[:MAX_ACKNOWLEDGED])

    def _expiring(self) -> list[LeasedRun]:
        now = self._clock()
        if now - self._leases_seen_at < LEASE_SCAN_S:
            return []
        below = now + _RENEW_BELOW_S
        doubted_at = self._dispatcher.cancellations.doubted_at
        expiring = [
            each
            for each in list(self._dispatcher.leased_runs)
            if each.lease_ends_at < below or each.leased_at <= doubted_at
        ]
        if len(expiring) <= MAX_RENEWED:
            self._leases_seen_at = now
        return expiring[:MAX_RENEWED]

    def _renew_leases(self, connection: psycopg.Connection, expiring: Sequence[LeasedRun]) -> None:
        doubted_at = self._dispatcher.cancellations.doubted_at
        sent_at = self._clock()
        parts = by_halves(
            [leased.ticket for leased in expiring], partial(takes.renew_leases, connection)
        )
        for (run_id, _), refusal in parts.refused:
            logger.error("run.lease_not_renewed", run_id=str(run_id), error=describe_error(refusal))
        renewed = {run_id: found for part in parts.done for run_id, found in part.items()}
        for leased in expiring:
            if leased.run.id in renewed:
                leased.withdrawn = leased.withdrawn or renewed[leased.run.id]
                leased.extend(sent_at)
            elif leased.leased_at <= doubted_at:
                # Another worker may have taken it while this machine stood still.
                leased.lose_lease()
