"""FlowControl: which runs begin now, which wait in this worker, and which are parked."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Final

from app.delivery.addressing import missing
from app.delivery.loop import Loop
from app.domain.circuit_breaker import (
    CLOSED,
    MAX_HOLD,
    UNREACHABLE_REASONS,
    BlockReason,
    begins_soon,
    may_begin,
    on_missing_app,
    on_reply,
    park_for,
    park_for_unreachable,
    reason,
)
from app.domain.run import Reply
from app.domain.target import split
from app.errors import InvalidMember
from app.log import logger
from app.store.parking import Parking
from workers.dispatch.channels import Channels
from workers.dispatch.destination import EMPTY, Destination
from workers.dispatch.known_destinations import (
    ConnectionLimits,
    Key,
    KnownDestinations,
    key_of_missing_app,
)
from workers.dispatch.leased_run import LeasedRun
from workers.dispatch.unparking import Unparker
from workers.dispatch.unreachable import UnreachableApps

_MAX_WAIT_S: Final = 1.0
"""A run that has waited for its destination for so long in this worker is parked."""

_CROWDED_AT: Final = 500
"""Waiting runs from which on the worker takes no more overdue runs."""

_MIN_ROOM: Final = 100
"""Parked runs for which there is room even where as many runs wait as may."""

_SMOOTHING: Final = 0.1
"""The weight of the latest call in the mean duration of a destination's calls."""


class FlowControl:
    """The destinations of this worker's runs, and what each may begin.

    Used by the loop's thread, but for `crowded` and `set_workers`. `begin` begins a run
    that waited, or returns False where it cannot begin now. `has_slot` returns whether an account
    may begin a call at all. At most `max_waiting` runs wait here. Runs to be parked are
    appended to `parked`.
    """

    def __init__(
        self,
        loop: Loop,
        begin: Callable[[LeasedRun], bool],
        channels: Channels,
        *,
        has_slot: Callable[[int], bool],
        connections: ConnectionLimits,
        max_waiting: int,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._loop = loop
        self._begin = begin
        self._parked = channels.parked
        self._max_waiting = max(1, max_waiting)
        self._jitter = jitter
        self._unreachable = UnreachableApps()
        self._waiting = 0
        self.unparker = Unparker(
            loop,
            channels.unpark_requests,
            room=self._room,
            has_slot=has_slot,
            refill=self._refill,
        )
        self.destinations = KnownDestinations(loop, connections, on_forget=self._forget)

    @property
    def crowded(self) -> bool:
        """Whether so many runs wait here that the worker takes no overdue ones; from any thread."""
        return self._waiting >= _CROWDED_AT

    # Called by the dispatcher for a run.

    def admit(self, leased: LeasedRun, now: float) -> bool:
        """Whether the run may begin now; its call is then counted as in flight.

        Otherwise the run now waits here for its turn, or is parked.
        """
        destination = leased.destination
        if destination is None:
            if leased.address is None:
                self._on_missing_app(leased, now)
                return False
            destination = self._find(leased, leased.address)
            if destination is None:
                return True
        if destination.in_flight < destination.limit:
            destination.in_flight += 1
            return True
        return self._admit_if_room(leased, destination, now)

    def done(self, leased: LeasedRun, reply: Reply, now: float) -> None:
        """Count the end of a call that was admitted, and learn from its reply."""
        destination = leased.destination
        if destination is None:
            return
        destination.end(leased)
        destination.last_used_at = now
        took = now - leased.begun_at
        known = destination.seconds
        destination.seconds = took if known is None else known + (took - known) * _SMOOTHING
        status = reply.status
        if destination.breaker is not CLOSED or status is None or not 200 <= status < 300:  # noqa: PLR2004 - a success
            self._update_breaker(leased, destination, reply, now)
        self._refill(destination)

    def unreached(self, leased: LeasedRun, reply: Reply, now: float) -> None:
        """End a call that did not reach its receiver: park its run, without an attempt."""
        self.done(leased, reply, now)
        if leased.destination is not None:
            self._park(leased, leased.destination, BlockReason.AWAY, now, called=True)

    def withdrawn(self, leased: LeasedRun) -> None:
        """Count an admitted run whose call did not begin after all; it may be admitted again."""
        destination = leased.destination
        if destination is None:
            return
        destination.end(leased)
        leased.waiting_since = 0.0
        self._refill(destination)

    # Called by the dispatcher and the database poller.

    def set_workers(self, workers: int) -> None:
        """Share each account's connections among so many workers; from any thread."""
        self._loop.call_soon_threadsafe(self.destinations.set_workers, workers)

    def resume(self) -> None:
        """Begin the waiting runs whose turn came while no call could begin."""
        for destination in list(self.destinations):
            self._refill(destination)

    def stop(self) -> None:
        """Forget the waiting runs, which the dispatcher parks, and request no parked ones."""
        self.unparker.stop()
        for destination in self.destinations:
            destination.waiting = EMPTY
        self._waiting = 0

    def _find(self, leased: LeasedRun, address: str) -> Destination[LeasedRun] | None:
        run = leased.run
        try:
            target = split(address)
        except InvalidMember:
            return None
        if run.endpoint:
            self._on_app_found(run.account_id, run.endpoint)
        return self._at(
            leased,
            Key(
                run.account_id, target.host, target.port, target.scheme, leased.unreachable_is_free
            ),
        )

    def _on_missing_app(self, leased: LeasedRun, now: float) -> None:
        """Park a run whose app is not configured, as for an app that cannot be reached."""
        run = leased.run
        destination = self._at(leased, key_of_missing_app(run.account_id, run.endpoint or ""))
        destination.last_used_at = now
        if now >= destination.breaker.until:
            destination.breaker = on_missing_app(
                destination.breaker,
                missing(run.endpoint, run.dialect),
                now,
                unreachable=self._number_unreachable(destination),
            )
            self._unreachable.note(destination)
            destination.update_limit()
        self._park(leased, destination, BlockReason.AWAY, now)

    def _on_app_found(self, account_id: int, endpoint: str) -> None:
        """Close the breaker of an app that was not configured before and is now."""
        destination = self.destinations.get(key_of_missing_app(account_id, endpoint))
        if destination is not None and destination.breaker is not CLOSED:
            destination.breaker = CLOSED
            self._unreachable.forget(destination)
            destination.update_limit()

    def _at(self, leased: LeasedRun, key: Key) -> Destination[LeasedRun]:
        run = leased.run
        destination = self.destinations.get_or_add(key)
        if run.planned_at is not None and not destination.parked:
            # The run was parked. Others may be, of which this worker does not know.
            destination.parked = 1
            self.unparker.watch(destination)
        leased.destination = destination
        return destination

    def _admit_if_room(
        self, leased: LeasedRun, destination: Destination[LeasedRun], now: float
    ) -> bool:
        breaker = destination.breaker
        cap = destination.cap(fresh=leased.run.planned_at is None)
        block_reason = breaker.block_reason
        was_held_long = block_reason is not BlockReason.AWAY and leased.lateness(now) > MAX_HOLD
        if block_reason is None or was_held_long:
            if destination.in_flight < cap:
                destination.in_flight += 1
                return True
            if self._begins_soon(leased, destination, cap):
                self._wait(leased, destination, now)
                return False
            block_reason = BlockReason.FULL
        elif may_begin(
            breaker,
            now,
            in_flight=destination.in_flight,
            share=destination.share,
            probing=destination.probe is not None,
        ):
            destination.probe = leased
            destination.in_flight += 1
            return True
        self._park(leased, destination, block_reason, now)
        return False

    def _begins_soon(
        self, leased: LeasedRun, destination: Destination[LeasedRun], cap: int
    ) -> bool:
        if leased.waiting_since:
            return True
        if self._waiting >= self._max_waiting:
            return False
        return begins_soon(
            ahead=len(destination.waiting), seconds=destination.seconds, share=max(1, cap)
        )

    def _wait(self, leased: LeasedRun, destination: Destination[LeasedRun], now: float) -> None:
        self._waiting += 1
        if destination.waiting is EMPTY:
            destination.waiting = deque()
        if leased.waiting_since:
            destination.waiting.appendleft(leased)
        else:
            leased.waiting_since = now
            destination.waiting.append(leased)
        if not destination.sweeping:
            destination.sweeping = True
            self._loop.call_at(leased.waiting_since + _MAX_WAIT_S, self._sweep, destination)

    def _sweep(self, destination: Destination[LeasedRun]) -> None:
        """Park the runs that have waited for too long."""
        destination.sweeping = False
        now = self._loop.clock()
        waiting = destination.waiting
        swept = False
        while waiting and waiting[0].waiting_since + _MAX_WAIT_S <= now:
            self._waiting -= 1
            self._park(waiting.popleft(), destination, BlockReason.FULL, now)
            swept = True
        if swept:
            destination.seconds = max(_MAX_WAIT_S, 2 * (destination.seconds or 0.0))
        if waiting:
            destination.sweeping = True
            self._loop.call_at(waiting[0].waiting_since + _MAX_WAIT_S, self._sweep, destination)

    def _refill(self, destination: Destination[LeasedRun]) -> None:
        """Begin waiting runs while there is room."""
        waiting = destination.waiting
        for _ in range(len(waiting)):
            leased = waiting[0]
            if destination.in_flight >= destination.cap(fresh=leased.run.planned_at is None):
                return
            waiting.popleft()
            self._waiting -= 1
            if not self._begin(leased):
                waiting.appendleft(leased)
                self._waiting += 1
                return

    def _room(self) -> int:
        # A destination with room gets parked runs even while many runs wait for others.
        return max(self._max_waiting - self._waiting, min(_MIN_ROOM, self._max_waiting))

    def _update_breaker(
        self, leased: LeasedRun, destination: Destination[LeasedRun], reply: Reply, now: float
    ) -> None:
        before = destination.breaker
        destination.breaker = breaker = on_reply(
            before,
            reply,
            begun=leased.begun_at,
            now=now,
            wall=leased.wall(now),
            share=destination.share,
            unreachable_is_free=destination.unreachable_is_free,
            unreachable=self._number_unreachable(destination),
        )
        if BlockReason.AWAY in {before.block_reason, breaker.block_reason}:
            self._unreachable.note(destination)
        destination.update_limit()
        if breaker.block_reason is not None:
            self._park_waiting(destination, breaker.block_reason, now)
        if (before.block_reason in UNREACHABLE_REASONS) is not (
            breaker.block_reason in UNREACHABLE_REASONS
        ):
            where = {"account_id": destination.account_id, "destination": destination.key}
            if breaker.block_reason in UNREACHABLE_REASONS:
                last, detail = reply.error or reply.status, reply.log_detail or reply.error_detail
                logger.warning("destination.down", **where, last=last, detail=detail)
            else:
                logger.warning("destination.up", **where)

    def _number_unreachable(self, destination: Destination[LeasedRun]) -> int:
        """How many apps of the same account cannot be reached, this one included."""
        number = self._unreachable.number(destination.account_id)
        return number if destination.breaker.block_reason is BlockReason.AWAY else number + 1

    def _park_waiting(
        self, destination: Destination[LeasedRun], block_reason: BlockReason, now: float
    ) -> None:
        """Park all runs that wait at a destination."""
        while destination.waiting:
            self._waiting -= 1
            self._park(destination.waiting.popleft(), destination, block_reason, now)

    def _park(
        self,
        leased: LeasedRun,
        destination: Destination[LeasedRun],
        block_reason: BlockReason,
        now: float,
        *,
        called: bool = False,
    ) -> None:
        leased.decided = True
        destination.parking += 1
        blocked_for = 0.0
        if block_reason is not BlockReason.FULL:
            blocked_for = max(0.0, destination.breaker.until - now)
        why = reason(
            block_reason,
            destination.host,
            in_flight=destination.in_flight,
            at=leased.wall(now + blocked_for),
            last_failure=destination.breaker.last_failure,
        )
        jitter = self._jitter()
        if block_reason is BlockReason.AWAY:
            parked = self._unreachable.parked(destination.account_id, now)
            park_seconds = park_for_unreachable(
                parked=parked, blocked_for=blocked_for, jitter=jitter
            )
        else:
            park_seconds = park_for(
                parked=destination.parked + destination.parking,
                rate=destination.rate,
                blocked_for=blocked_for,
                late=leased.lateness(now),
                jitter=jitter,
            )
        parking = Parking(
            id=leased.run.id,
            token=leased.run.token,
            destination=destination.key,
            park_for=park_seconds,
            block_reason=block_reason,
            reason=why,
            called=called,
        )
        self._parked.append((leased, parking))

    def _forget(self, destination: Destination[LeasedRun]) -> None:
        self._unreachable.forget(destination)
        self.unparker.forget(destination)
