"""Destinations: which runs of this worker may be sent now, which wait, and which are given back."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
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
from workers.dispatch.destination import EMPTY, Destination
from workers.dispatch.leased_run import LeasedRun
from workers.dispatch.unparking import Unparker
from workers.dispatch.unreachable import Unreachable

_MAX_WAIT_S: Final = 1.0
_CROWDED_AT: Final = 500
_MIN_ROOM: Final = 100
_TIDY_S: Final = 10.0
_CROWDED_TIDY_S: Final = 1.0
_IDLE_S: Final = 60.0
_MAX_KNOWN: Final = 20_000
_SMOOTHING: Final = 0.1

_Key = tuple[int, str, int, str, bool]


class FlowControl:
    """Flow control, in the loop's thread; `releases` and `crowded` are for other threads too.

    `turn` begins a run that waited, or returns False where it cannot now. `has_slot` says whether
    an account may begin a call at all. `limits` has the accounts with another number of
    `connections`; at most `most_waiting` runs wait here.
    """

    def __init__(
        self,
        loop: Loop,
        turn: Callable[[LeasedRun], bool],
        *,
        has_slot: Callable[[int], bool],
        connections: int,
        limits: Mapping[int, int],
        most_waiting: int,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._loop = loop
        self._turn = turn
        self._connections = connections
        self._limits = limits
        self._most_waiting = max(1, most_waiting)
        self._jitter = jitter
        self._known: dict[_Key, Destination] = {}
        self._unreachable = Unreachable()
        self._tidying = False
        self._tidied_at = 0.0
        self._waiting = 0
        self._workers = 1
        self.parked: deque[tuple[LeasedRun, Parking]] = deque()
        """Runs given back, to be written so."""
        self.unparker = Unparker(loop, room=self._room, has_slot=has_slot, refill=self._refill)

    @property
    def crowded(self) -> bool:
        """Whether so many runs wait for their destination that no more overdue ones are wanted."""
        return self._waiting >= _CROWDED_AT

    @property
    def accounts(self) -> set[int]:
        """The accounts whose destinations are known; from any thread."""
        return {each.account_id for each in list(self._known.values())}

    # What the courier tells of a run.

    def admit(self, leased: LeasedRun, now: float) -> bool:
        """Whether the run may begin now, and then counts as under way.

        If not, it has been put aside here: it waits for its turn, or is given back.
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
        return self._admit_slowly(leased, destination, now)

    def done(self, leased: LeasedRun, reply: Reply, now: float) -> None:
        """A call that was admitted has ended."""
        destination = leased.destination
        if destination is None:
            return
        destination.in_flight -= 1
        destination.last_used_at = now
        took = now - leased.begun_at
        known = destination.seconds
        destination.seconds = took if known is None else known + (took - known) * _SMOOTHING
        status = reply.status
        if destination.breaker is not CLOSED or status is None or not 200 <= status < 300:  # noqa: PLR2004 - a success
            self._update_breaker(leased, destination, reply, now)
        self._refill(destination)

    def unreached(self, leased: LeasedRun, reply: Reply, now: float) -> None:
        """A call that was admitted met nobody, and counts for nothing: its run is given back."""
        self.done(leased, reply, now)
        if leased.destination is not None:
            self._park(leased, leased.destination, BlockReason.AWAY, now, called=True)

    def withdrawn(self, leased: LeasedRun) -> None:
        """A run that was admitted did not begin after all; it will ask again."""
        destination = leased.destination
        if destination is None:
            return
        destination.in_flight -= 1
        if destination.probe is leased:
            destination.probe = None
        leased.waiting_since = 0.0
        self._refill(destination)

    # What the station tells.

    def share_among(self, workers: int) -> None:
        """So many workers share what each account may have under way."""
        self._workers = max(1, workers)
        for destination in self._known.values():
            destination.share_out(self._allowed(destination.account_id), self._workers)

    def go_on(self) -> None:
        """Begin what had its turn while no call could begin."""
        for destination in list(self._known.values()):
            self._refill(destination)

    def stop(self) -> None:
        """Let nothing wait any more, and send for nothing: the courier gives back what waits."""
        self.unparker.stop()
        for destination in self._known.values():
            destination.waiting = EMPTY
        self._waiting = 0

    # Inside.

    def _find(self, leased: LeasedRun, address: str) -> Destination | None:
        run = leased.run
        try:
            target = split(address)
        except InvalidMember:
            return None
        if run.endpoint:
            self._on_app_found(run.account_id, run.endpoint)
        return self._at(
            leased,
            (run.account_id, target.host, target.port, target.scheme, leased.unreachable_is_free),
        )

    def _on_missing_app(self, leased: LeasedRun, now: float) -> None:
        """There is no such app: as one that cannot be reached, known by its name alone."""
        run = leased.run
        destination = self._at(leased, _unknown(run.account_id, run.endpoint or ""))
        destination.last_used_at = now
        if now >= destination.breaker.until:
            last_failure, number = (
                missing(run.endpoint, run.dialect),
                self._number_unreachable(destination),
            )
            destination.breaker = on_missing_app(
                destination.breaker, last_failure, now, unreachable=number
            )
            self._unreachable.note(destination)
            destination.update_limit()
        self._park(leased, destination, BlockReason.AWAY, now)

    def _on_app_found(self, account_id: int, endpoint: str) -> None:
        """The app is there: what waited because it was not may come."""
        destination = self._known.get(_unknown(account_id, endpoint))
        if destination is not None and destination.breaker is not CLOSED:
            destination.breaker = CLOSED
            self._unreachable.forget(destination)
            destination.update_limit()

    def _at(self, leased: LeasedRun, key: _Key) -> Destination:
        run = leased.run
        destination = self._known.get(key)
        if destination is None:
            destination = self._known[key] = self._make(key)
        if run.planned_at is not None and not destination.parked:
            # Others may be parked there that this worker knows nothing of.
            destination.parked = 1
            self.unparker.watch(destination)
        leased.destination = destination
        return destination

    def _make(self, key: _Key) -> Destination:
        account_id, host, port, scheme, unreachable_is_free = key
        destination = Destination(
            account_id, scheme, host, port, 1, unreachable_is_free=unreachable_is_free
        )
        destination.share_out(self._allowed(account_id), self._workers)
        destination.last_used_at = self._loop.clock()
        if not self._tidying:
            self._tidying = True
            self._loop.call_at(destination.last_used_at + _TIDY_S, self._tidy)
        if (
            len(self._known) >= _MAX_KNOWN
            and destination.last_used_at - self._tidied_at > _CROWDED_TIDY_S
        ):
            self._forget_idle(destination.last_used_at)
        return destination

    def _allowed(self, account_id: int) -> int:
        return self._limits.get(account_id, self._connections)

    def _admit_slowly(self, leased: LeasedRun, destination: Destination, now: float) -> bool:
        breaker = destination.breaker
        cap = destination.cap(fresh=leased.run.planned_at is None)
        block_reason = breaker.block_reason
        impatient = block_reason is not BlockReason.AWAY and leased.lateness(now) > MAX_HOLD
        if block_reason is None or impatient:
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

    def _begins_soon(self, leased: LeasedRun, destination: Destination, cap: int) -> bool:
        if leased.waiting_since:
            return True
        if self._waiting >= self._most_waiting:
            return False
        return begins_soon(
            ahead=len(destination.waiting), seconds=destination.seconds, share=max(1, cap)
        )

    def _wait(self, leased: LeasedRun, destination: Destination, now: float) -> None:
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

    def _sweep(self, destination: Destination) -> None:
        """Give back what hoped in vain to begin soon."""
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

    def _refill(self, destination: Destination) -> None:
        """Begin what waits while there is room."""
        waiting = destination.waiting
        for _ in range(len(waiting)):
            leased = waiting[0]
            if destination.in_flight >= destination.cap(fresh=leased.run.planned_at is None):
                return
            waiting.popleft()
            self._waiting -= 1
            if not self._turn(leased):
                waiting.appendleft(leased)
                self._waiting += 1
                return

    def _room(self) -> int:
        # Those for which there is room have it also while others wait elsewhere.
        return max(self._most_waiting - self._waiting, min(_MIN_ROOM, self._most_waiting))

    def _update_breaker(
        self, leased: LeasedRun, destination: Destination, reply: Reply, now: float
    ) -> None:
        if destination.probe is leased:
            destination.probe = None
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

    def _number_unreachable(self, destination: Destination) -> int:
        """How many destinations of the same account no call reaches, this one included."""
        number = self._unreachable.number(destination.account_id)
        return number if destination.breaker.block_reason is BlockReason.AWAY else number + 1

    def _park_waiting(
        self, destination: Destination, block_reason: BlockReason, now: float
    ) -> None:
        """Give back all that waits."""
        while destination.waiting:
            self._waiting -= 1
            self._park(destination.waiting.popleft(), destination, block_reason, now)

    def _park(
        self,
        leased: LeasedRun,
        destination: Destination,
        block_reason: BlockReason,
        now: float,
        *,
        called: bool = False,
    ) -> None:
        run = leased.run
        leased.decided = True
        destination.parking += 1
        blocked_for = (
            max(0.0, destination.breaker.until - now)
            if block_reason is not BlockReason.FULL
            else 0.0
        )
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
            parked_seconds = park_for_unreachable(
                parked=parked, blocked_for=blocked_for, jitter=jitter
            )
        else:
            parked_seconds = park_for(
                parked=destination.parked + destination.parking,
                rate=destination.rate,
                blocked_for=blocked_for,
                late=leased.lateness(now),
                jitter=jitter,
            )
        parking = Parking(
            run.id, run.token, destination.key, parked_seconds, block_reason, why, called
        )
        self.parked.append((leased, parking))

    # Forgetting what is idle.

    def _tidy(self) -> None:
        now = self._loop.clock()
        self._forget_idle(now)
        self._tidying = bool(self._known)
        if self._known:
            self._loop.call_at(now + _TIDY_S, self._tidy)

    def _forget_idle(self, now: float) -> None:
        """Forget what has long been idle; where too many are known, whatever is idle now."""
        self._tidied_at = now
        crowd = len(self._known) >= _MAX_KNOWN
        for key, destination in list(self._known.items()):
            waits = destination.parked or now < destination.breaker.until
            if destination.idle and (
                crowd or (not waits and now - destination.last_used_at > _IDLE_S)
            ):
                del self._known[key]
                self._unreachable.forget(destination)
                self.unparker.forget(destination)


def _unknown(account_id: int, endpoint: str) -> _Key:
    """Where runs wait for an app that is not configured: no host is called so."""
    return account_id, endpoint, 0, "", True
